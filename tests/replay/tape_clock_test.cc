#include "replay/tape_clock.h"

#include <gtest/gtest.h>

namespace tapedeck::replay {
namespace {

using core::Nanos;

constexpr uint64_t kDay_ns = 86'400'000'000'000;
constexpr Nanos kStart(1'500'000'000'000'000'000);

TEST(TapeClock, TapeTimePassesAtTheRate) {
  const TapeClock clock(kStart, 1000, 10);
  EXPECT_EQ(clock.deadline_ns(kStart), 1000);
  EXPECT_EQ(clock.deadline_ns(kStart + 50), 1005);
  EXPECT_EQ(clock.time_at(1005), kStart + 50);
}

TEST(TapeClock, TheTwoDirectionsAgreeOverALongTape) {
  for (const double rate : {0.1, 1.0, 3.0, 1000.0}) {
    const TapeClock clock(kStart, 12345, rate);
    for (uint64_t at_ns = 0; at_ns < kDay_ns; at_ns += kDay_ns / 97) {
      const Nanos back = clock.time_at(clock.deadline_ns(kStart + at_ns));
      EXPECT_NEAR(static_cast<double>(back.value - kStart.value), static_cast<double>(at_ns), rate + 16) << rate;
    }
  }
}

TEST(TapeClock, BeforeItsOriginNothingIsDue) {
  const TapeClock clock(kStart, 1000, 10);
  EXPECT_EQ(clock.time_at(0), kStart);
  EXPECT_LT(clock.deadline_ns(Nanos(kStart.value - 100)), 1000);
}

TEST(TapeClock, ATinyRateMakesThingsDueInTheFarFutureAndNotInThePast) {
  const TapeClock clock(kStart, 1000, 1e-300);
  EXPECT_EQ(clock.deadline_ns(kStart), 1000);
  EXPECT_GT(clock.deadline_ns(kStart + kDay_ns), int64_t{1} << 60);
}

TEST(TapeClock, AHugeRateMakesEverythingDueAtOnce) {
  const TapeClock clock(kStart, 1000, 1e300);
  EXPECT_EQ(clock.deadline_ns(kStart + kDay_ns), 1000);
  EXPECT_EQ(clock.time_at(1001), Nanos(UINT64_MAX));
}

TEST(TapeClock, WhenItSlipsEverythingAfterIsDueLater) {
  TapeClock clock(kStart, 1000, 10);
  clock.slip(70);
  clock.slip(30);
  EXPECT_EQ(clock.deadline_ns(kStart + 50), 1105);
  EXPECT_EQ(clock.slipped_ns(), 100);
  EXPECT_EQ(clock.slips(), 2u);
}

TEST(TapeClock, ARestartBeginsAnotherPass) {
  TapeClock clock(kStart, 1000, 10);
  clock.restart(kStart + 100, 5000);
  EXPECT_EQ(clock.deadline_ns(kStart + 120), 5002);
}

}  // namespace
}  // namespace tapedeck::replay
