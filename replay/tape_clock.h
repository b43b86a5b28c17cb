// The one function from tape time to wall time that all shards of a paced replay follow: absolute deadlines, so that
// nothing drifts, pass after pass. When one shard cannot keep up, the clock slips for all: everything after is due
// later, instead of in a burst. Lock-free; the shards only read it, but for a slip.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "engine/core/types.h"

namespace tapedeck::replay {

class TapeClock {
 public:
  // A pass takes the tape time from `start` to `end`, of which `rate` seconds pass in a second.
  TapeClock(core::Nanos start, core::Nanos end, double rate)
      : start_(start),
        pass_ns_(std::min(static_cast<double>(end.value - start.value) / rate, kFarthest_ns)),
        rate_(rate) {}

  // The first pass starts now (monotonic), unless another shard has said so before. Until then nothing may be asked.
  void start(int64_t now_ns) {
    int64_t unset = 0;
    origin_ns_.compare_exchange_strong(unset, now_ns);
  }

  // When a record of this time is due.
  [[nodiscard]] int64_t deadline_ns(uint32_t pass, core::Nanos time) const {
    return unslipped_deadline_ns(pass, time) + slipped_ns_;
  }
  // The latest tape time of this pass that is due by now.
  [[nodiscard]] core::Nanos time_at(uint32_t pass, int64_t now_ns) const {
    const auto since_origin = static_cast<double>(now_ns - origin_ns_ - slipped_ns_);
    const double since = (since_origin - static_cast<double>(pass) * pass_ns_) * rate_;
    if (!(since > 0)) return start_;
    return since >= 1.8e19 ? core::Nanos(UINT64_MAX) : start_ + static_cast<uint64_t>(since);
  }

  // If a record of this time is due longer ago than `limit_ns`, it is due now, and everything after so much later. What
  // another shard has slipped meanwhile counts.
  void slip_if_late(uint32_t pass, core::Nanos time, int64_t now_ns, int64_t limit_ns) {
    const int64_t behind_ns = now_ns - unslipped_deadline_ns(pass, time);
    int64_t slipped_ns = slipped_ns_;
    while (behind_ns - slipped_ns > limit_ns && !slipped_ns_.compare_exchange_weak(slipped_ns, behind_ns)) {
    }
  }

  [[nodiscard]] int64_t slipped_ns() const { return slipped_ns_; }

 private:
  [[nodiscard]] int64_t unslipped_deadline_ns(uint32_t pass, core::Nanos time) const {
    const auto since = static_cast<double>(static_cast<int64_t>(time.value - start_.value)) / rate_;
    const double since_origin = static_cast<double>(pass) * pass_ns_ + since;
    return origin_ns_ + static_cast<int64_t>(std::clamp(since_origin, -kFarthest_ns, kFarthest_ns));
  }

  static constexpr double kFarthest_ns = 4e18;  // 126 years: what a tiny rate comes to, without an overflow

  const core::Nanos start_;
  const double pass_ns_;  // wall time that a pass takes
  const double rate_;
  std::atomic<int64_t> origin_ns_{0};
  std::atomic<int64_t> slipped_ns_{0};
};

}  // namespace tapedeck::replay
