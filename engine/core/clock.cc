#include "engine/core/clock.h"

#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

#include "engine/core/durations.h"

namespace tapedeck::core {
namespace {

constexpr int64_t kStopCheck_ns = 50'000'000;

int64_t read_clock_ns(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return t.tv_sec * kSecond_ns + t.tv_nsec;
}

}  // namespace

Nanos SystemClock::now() const { return Nanos(static_cast<uint64_t>(read_clock_ns(CLOCK_REALTIME))); }

int64_t SystemClock::monotonic_ns() const { return read_clock_ns(CLOCK_MONOTONIC); }

bool SystemClock::sleep_until(int64_t deadline_ns, const StopFlag& stop) const {
  for (;;) {
    if (stop.requested()) return false;
    const int64_t now_ns = monotonic_ns();
    if (now_ns >= deadline_ns) return true;
    const int64_t until_ns = std::min(deadline_ns, now_ns + kStopCheck_ns);
    const timespec until{until_ns / kSecond_ns, until_ns % kSecond_ns};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

void use_exact_timers() { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

}  // namespace tapedeck::core
