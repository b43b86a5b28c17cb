// The one function from tape time to wall time that a paced replay follows: absolute deadlines, so that nothing drifts.
// When the replay cannot keep up, the clock slips: everything after is due later, instead of in a burst. Plain
// arithmetic; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/types.h"

namespace tapedeck::replay {

class TapeClock {
 public:
  // Tape time `origin` is due at `origin_ns` (monotonic); `rate` tape seconds pass in a second.
  TapeClock(core::Nanos origin, int64_t origin_ns, double rate) : origin_(origin), origin_ns_(origin_ns), rate_(rate) {}

  // When a record of this time is due.
  [[nodiscard]] int64_t deadline_ns(core::Nanos time) const {
    const auto since = static_cast<double>(static_cast<int64_t>(time.value - origin_.value));
    return origin_ns_ + static_cast<int64_t>(std::clamp(since / rate_, -kFarthest_ns, kFarthest_ns));
  }
  // The latest tape time that is due by now.
  [[nodiscard]] core::Nanos time_at(int64_t now_ns) const {
    const auto since = static_cast<double>(now_ns - origin_ns_) * rate_;
    if (since <= 0) return origin_;
    return since >= 1.8e19 ? core::Nanos(UINT64_MAX) : origin_ + static_cast<uint64_t>(since);
  }

  void slip(int64_t by_ns) {
    origin_ns_ += by_ns;
    slipped_ns_ += by_ns;
    ++slips_;
  }
  // Tape time `origin` is due at `origin_ns` from now on: the start of a pass.
  void restart(core::Nanos origin, int64_t origin_ns) {
    origin_ = origin;
    origin_ns_ = origin_ns;
  }

  [[nodiscard]] int64_t slipped_ns() const { return slipped_ns_; }
  [[nodiscard]] uint64_t slips() const { return slips_; }

 private:
  static constexpr double kFarthest_ns = 4e18;  // 126 years: what a tiny rate comes to, without an overflow

  core::Nanos origin_;
  int64_t origin_ns_;
  double rate_;
  int64_t slipped_ns_ = 0;
  uint64_t slips_ = 0;
};

}  // namespace tapedeck::replay
