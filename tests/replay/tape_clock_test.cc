#include "replay/tape_clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tapedeck::replay {
namespace {

using core::Nanos;

constexpr uint64_t kDay_ns = 86'400'000'000'000;
constexpr Nanos kStart(1'500'000'000'000'000'000);
constexpr Nanos kEnd = kStart + kDay_ns;
constexpr int64_t kOrigin_ns = 1000;

// One whose passes take a day of tape time.
struct DayClock : TapeClock {
  explicit DayClock(double rate) : TapeClock(kStart, kEnd, rate) { start(kOrigin_ns); }
};

TEST(TapeClock, TapeTimePassesAtTheRate) {
  const DayClock clock(10);
  EXPECT_EQ(clock.deadline_ns(0, kStart), kOrigin_ns);
  EXPECT_EQ(clock.deadline_ns(0, kStart + 50), kOrigin_ns + 5);
  EXPECT_EQ(clock.time_at(0, kOrigin_ns + 5), kStart + 50);
}

TEST(TapeClock, TheTwoDirectionsAgreeOverALongTapeAndManyPasses) {
  for (const double rate : {0.1, 1.0, 3.0, 1000.0}) {
    const DayClock clock(rate);
    for (const uint32_t pass : {0u, 1u, 30u}) {
      for (uint64_t at_ns = 0; at_ns < kDay_ns; at_ns += kDay_ns / 97) {
        const Nanos back = clock.time_at(pass, clock.deadline_ns(pass, kStart + at_ns));
        EXPECT_NEAR(static_cast<double>(back.value - kStart.value), static_cast<double>(at_ns), rate + 64)
            << rate << " pass " << pass;
      }
    }
  }
}

TEST(TapeClock, BeforeItsOriginNothingIsDue) {
  const DayClock clock(10);
  EXPECT_EQ(clock.time_at(0, 0), kStart);
  EXPECT_EQ(clock.time_at(1, kOrigin_ns), kStart);
  EXPECT_LT(clock.deadline_ns(0, Nanos(kStart.value - 100)), kOrigin_ns);
}

TEST(TapeClock, ATinyRateMakesThingsDueInTheFarFutureAndNotInThePast) {
  const DayClock clock(1e-300);
  EXPECT_EQ(clock.deadline_ns(0, kStart), kOrigin_ns);
  EXPECT_GT(clock.deadline_ns(0, kEnd), int64_t{1} << 60);
  EXPECT_GT(clock.deadline_ns(7, kStart), int64_t{1} << 60);
}

TEST(TapeClock, AHugeRateMakesEverythingDueAtOnce) {
  const DayClock clock(1e300);
  EXPECT_EQ(clock.deadline_ns(0, kEnd), kOrigin_ns);
  EXPECT_EQ(clock.deadline_ns(7, kEnd), kOrigin_ns);
  EXPECT_EQ(clock.time_at(0, kOrigin_ns + 1), Nanos(UINT64_MAX));
}

TEST(TapeClock, APassBeginsWhenTheTapeTimeOfTheOneBeforeHasPassed) {
  const DayClock clock(10);
  EXPECT_EQ(clock.deadline_ns(1, kStart), clock.deadline_ns(0, kEnd));
  EXPECT_EQ(clock.deadline_ns(2, kStart + 50), clock.deadline_ns(1, kEnd) + 5);
}

TEST(TapeClock, TheFirstToStartItSaysWhen) {
  DayClock clock(10);
  clock.start(5000);
  EXPECT_EQ(clock.deadline_ns(0, kStart), kOrigin_ns);
}

TEST(TapeClock, WhatIsLateByMoreThanTheLimitSlipsEverythingAfter) {
  DayClock clock(10);
  clock.slip_if_late(0, kStart + 50, kOrigin_ns + 5 + 100, 100);
  EXPECT_EQ(clock.slipped_ns(), 0);
  clock.slip_if_late(0, kStart + 50, kOrigin_ns + 5 + 101, 100);
  EXPECT_EQ(clock.slipped_ns(), 101);
  EXPECT_EQ(clock.deadline_ns(0, kStart + 50), kOrigin_ns + 5 + 101);
  EXPECT_EQ(clock.deadline_ns(1, kStart), kOrigin_ns + int64_t{kDay_ns} / 10 + 101);
}

TEST(TapeClock, ShardsThatAreLateTogetherSlipItOnce) {
  DayClock clock(10);
  std::vector<std::thread> shards;
  for (int i = 0; i < 4; ++i) {
    shards.emplace_back([&clock] {
      for (int64_t late_ns = 1; late_ns <= 10'000; ++late_ns) clock.slip_if_late(0, kStart, kOrigin_ns + late_ns, 0);
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(clock.slipped_ns(), 10'000);
}

}  // namespace
}  // namespace tapedeck::replay
