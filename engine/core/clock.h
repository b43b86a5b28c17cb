// The clock that is handed to whatever needs time, so that tests can hand it one they control. now() is wall time for
// stamps; monotonic_ns() is for intervals and deadlines. Safe from every thread.
#pragma once

#include <cstdint>

#include "engine/core/stop.h"
#include "engine/core/types.h"

namespace tapedeck::core {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Nanos now() const = 0;
  [[nodiscard]] virtual int64_t monotonic_ns() const = 0;
  // Waits until monotonic_ns() reaches the deadline, an absolute time. Returns early, with false, when `stop` is set
  // (noticed within 50 ms).
  virtual bool sleep_until(int64_t deadline_ns, const StopFlag& stop) const = 0;
};

// CLOCK_REALTIME and CLOCK_MONOTONIC; sleeps on absolute deadlines.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Nanos now() const override;
  [[nodiscard]] int64_t monotonic_ns() const override;
  bool sleep_until(int64_t deadline_ns, const StopFlag& stop) const override;
};

// The process's SystemClock.
[[nodiscard]] const Clock& system_clock();

// Asks the kernel to wake the calling thread's sleeps as exactly as it can (timer slack 1 ns instead of 50 us).
void use_exact_timers();

}  // namespace tapedeck::core
