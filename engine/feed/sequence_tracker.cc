#include "engine/feed/sequence_tracker.h"

#include <algorithm>
#include <limits>

namespace tapedeck::feed {

SequenceStep SequenceTracker::advance(const PacketHead& head) {
  SequenceStep step;
  if (head.sequence == 0) return step;
  const uint64_t room = std::numeric_limits<uint64_t>::max() - head.sequence;
  const uint64_t next = head.sequence + std::min<uint64_t>(head.count, room);  // forged numbers do not wrap around

  const bool started = expected_ != 0;
  step.new_session = started && head.session != session_;
  step.reset = started && !step.new_session && head.count > 0 && head.sequence == 1 && expected_ > 1;
  if (!started || step.new_session || step.reset) {
    session_ = head.session;
    expected_ = next;
    return step;
  }
  if (head.sequence > expected_) {
    step.first_missing = expected_;
    step.missing = head.sequence - expected_;
  } else {
    step.repeated = std::min<uint64_t>(head.count, expected_ - head.sequence);
  }
  expected_ = std::max(expected_, next);
  return step;
}

}  // namespace tapedeck::feed
