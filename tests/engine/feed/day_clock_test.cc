#include "engine/feed/day_clock.h"

#include <gtest/gtest.h>

namespace tapedeck::feed {
namespace {

using core::Nanos;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMinute = 60 * kSecond;
constexpr uint64_t kHour = 60 * kMinute;
constexpr uint64_t kDay = 24 * kHour;
constexpr uint64_t kMidnightUtc = 1'577'664'000 * kSecond;  // 2019-12-30

// The UTC time that a new clock gives for `time_of_day` in a zone `zone_minutes` east, captured `late` later.
Nanos told(int64_t zone_minutes, uint64_t time_of_day, int64_t late) {
  const uint64_t sent = kMidnightUtc + time_of_day - static_cast<uint64_t>(zone_minutes) * kMinute;
  return DayClock().utc(time_of_day, Nanos(sent + static_cast<uint64_t>(late))) + (0 - sent);
}

TEST(DayClock, FindsTheMidnightOfEveryZone) {
  for (const int64_t zone_minutes : {0, -300, -240, 60, 330, 345, 765, 840, -720, -570}) {
    EXPECT_EQ(told(zone_minutes, 9 * kHour + 30 * kMinute + 12'345, 40'000), Nanos(0)) << zone_minutes;
    EXPECT_EQ(told(zone_minutes, 0, 40'000), Nanos(0)) << zone_minutes;
    EXPECT_EQ(told(zone_minutes, kDay - 1, 40'000), Nanos(0)) << zone_minutes;
  }
}

TEST(DayClock, BearsClocksThatDifferByLessThanSevenAndAHalfMinutes) {
  const auto limit = static_cast<int64_t>(7 * kMinute + 30 * kSecond);
  EXPECT_EQ(told(-300, 10 * kHour, limit - 1), Nanos(0));
  EXPECT_EQ(told(-300, 10 * kHour, 1 - limit), Nanos(0)) << "the exchange's clock is ahead";
  EXPECT_EQ(told(-300, 10 * kHour, limit + 1), Nanos(15 * kMinute)) << "beyond it, a zone further west is meant";
}

TEST(DayClock, KeepsItsMidnightHoweverLateMessagesCome) {
  DayClock clock;
  EXPECT_EQ(clock.utc(kHour, Nanos(kMidnightUtc + kHour)), Nanos(kMidnightUtc + kHour));
  EXPECT_EQ(clock.utc(kHour + 1, Nanos(kMidnightUtc + 2 * kHour)), Nanos(kMidnightUtc + kHour + 1));
}

TEST(DayClock, GoesOnIntoTheNextDay) {
  DayClock clock;
  EXPECT_EQ(clock.utc(kDay - 1, Nanos(kMidnightUtc + kDay)), Nanos(kMidnightUtc + kDay - 1));
  EXPECT_EQ(clock.utc(5, Nanos(kMidnightUtc + kDay + 10)), Nanos(kMidnightUtc + kDay + 5));
}

TEST(DayClock, FindsMidnightAnewWhenToldToForget) {
  DayClock clock;
  EXPECT_EQ(clock.utc(kHour, Nanos(kMidnightUtc + kHour)), Nanos(kMidnightUtc + kHour));
  clock.forget();
  EXPECT_EQ(clock.utc(kHour, Nanos(kMidnightUtc + 3 * kHour)), Nanos(kMidnightUtc + 3 * kHour));
}

TEST(DayClock, GivesZeroBefore1970AndBearsTimesThatCannotBe) {
  EXPECT_EQ(DayClock().utc(55 * kMinute, Nanos(0)), Nanos(0)) << "five minutes before 1970";
  for (const uint64_t captured : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    for (const uint64_t time_of_day : {uint64_t{0}, (uint64_t{1} << 48) - 1}) {
      static_cast<void>(DayClock().utc(time_of_day, Nanos(captured)));  // the sanitizers look on
    }
  }
}

}  // namespace
}  // namespace tapedeck::feed
