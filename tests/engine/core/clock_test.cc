#include "engine/core/clock.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <chrono>
#include <thread>

namespace tapedeck::core {
namespace {

constexpr int64_t kMinute_ns = 60'000'000'000;

TEST(SystemClock, TellsTheTimeOfTheSystem) {
  const auto seconds = [](auto since_epoch) {
    return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
  };
  const auto before = seconds(std::chrono::system_clock::now().time_since_epoch());
  const auto now = static_cast<int64_t>(system_clock().now().value / 1'000'000'000);
  EXPECT_GE(now, before);
  EXPECT_LE(now, before + 60);
}

TEST(SystemClock, NeverGoesBack) {
  int64_t last_ns = system_clock().monotonic_ns();
  for (int i = 0; i < 10'000; ++i) {
    const int64_t now_ns = system_clock().monotonic_ns();
    ASSERT_GE(now_ns, last_ns);
    last_ns = now_ns;
  }
}

TEST(SystemClock, SleepsUntilTheDeadlineHasCome) {
  const StopFlag stop;
  const int64_t deadline_ns = system_clock().monotonic_ns() + 60'000'000;  // more than one look at the flag
  EXPECT_TRUE(system_clock().sleep_until(deadline_ns, stop));
  EXPECT_GE(system_clock().monotonic_ns(), deadline_ns);
}

TEST(SystemClock, DoesNotSleepForADeadlineThatIsPast) {
  const StopFlag stop;
  const int64_t start_ns = system_clock().monotonic_ns();
  EXPECT_TRUE(system_clock().sleep_until(start_ns - kMinute_ns, stop));
  EXPECT_TRUE(system_clock().sleep_until(0, stop));
  EXPECT_LT(system_clock().monotonic_ns() - start_ns, kMinute_ns);
}

TEST(SystemClock, WakesBeforeTheDeadlineWhenItIsToStop) {
  StopFlag stop;
  const int64_t start_ns = system_clock().monotonic_ns();
  const std::jthread other([&stop] { stop.request(); });
  EXPECT_FALSE(system_clock().sleep_until(start_ns + kMinute_ns, stop));
  EXPECT_LT(system_clock().monotonic_ns() - start_ns, kMinute_ns);
}

TEST(UseExactTimers, SetsTheSlackOfTheCallingThread) {
  std::jthread([] {
    use_exact_timers();
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1);
  }).join();
}

}  // namespace
}  // namespace tapedeck::core
