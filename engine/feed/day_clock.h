// Turns times since midnight of an unknown zone, which is what ITCH sends, into UTC. Takes midnight to be the capture
// time minus the time of day, rounded to the nearest quarter of an hour, as every zone's offset is a multiple of one;
// right while the two clocks differ by less than 7.5 minutes (docs/decisions/0002-itch-source-time.md). Midnight is
// found at the first message and kept, until a time would be more than 12 hours off: then a midnight has passed. One
// thread; about 1 ns.
#pragma once

#include "engine/core/types.h"

namespace tapedeck::feed {

class DayClock {
 public:
  // 0 where it would be before 1970.
  [[nodiscard]] core::Nanos utc(uint64_t since_midnight_ns, core::Nanos capture_time) {
    const auto ahead_ns = static_cast<int64_t>(midnight_ + since_midnight_ns - capture_time.value);
    if (!known_ || ahead_ns > kHalfDay || ahead_ns < -kHalfDay) [[unlikely]] {
      find_midnight(since_midnight_ns, capture_time);
    }
    const uint64_t utc = midnight_ + since_midnight_ns;
    return core::Nanos(static_cast<int64_t>(utc) > 0 ? utc : 0);
  }

  // For the next session, which may be of another day.
  void forget() { known_ = false; }

 private:
  static constexpr int64_t kQuarter = 900'000'000'000;
  static constexpr int64_t kHalfDay = 48 * kQuarter;

  void find_midnight(uint64_t since_midnight_ns, core::Nanos capture_time);

  uint64_t midnight_ = 0;  // nanoseconds since 1970; wraps around for one before
  bool known_ = false;
};

}  // namespace tapedeck::feed
