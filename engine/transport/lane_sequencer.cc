#include "engine/transport/lane_sequencer.h"

#include <algorithm>

namespace tapedeck::transport {
namespace {

constexpr size_t kPublishersMax = 4;  // one more takes the place of the one that was heard longest ago

}  // namespace

LaneSequencer::Publisher& LaneSequencer::publisher_of(uint64_t id) {
  if (!publishers_.empty() && publishers_.back().id == id) return publishers_.back();
  const auto found = std::ranges::find(publishers_, id, &Publisher::id);
  if (found != publishers_.end()) {
    std::rotate(found, found + 1, publishers_.end());
    return publishers_.back();
  }
  if (publishers_.size() == kPublishersMax) {
    for (const Lane& lane : publishers_.front().lanes) {
      for (const auto& [sequence, waiting] : lane.waiting) waiting_bytes_ -= waiting.frame.size();
    }
    publishers_.erase(publishers_.begin());
  }
  return publishers_.emplace_back(Publisher{.id = id, .lanes = std::vector<Lane>(tape::kLanesMax)});
}

void LaneSequencer::take(const Envelope& envelope, core::Bytes frame, int64_t now_ns) {
  Publisher& publisher = publisher_of(envelope.publisher);
  publisher.heard_ns = now_ns;
  Lane& lane = publisher.lanes[envelope.lane];
  if (envelope.wire_sequence > lane.next) return wait(lane, envelope, frame, now_ns);
  pass(lane, envelope, frame);
  if (!lane.waiting.empty()) pass_waiting(lane);
}

void LaneSequencer::wait(Lane& lane, const Envelope& envelope, core::Bytes frame, int64_t now_ns) {
  const auto [place, is_new] = lane.waiting.try_emplace(envelope.wire_sequence);
  Waiting& waiting = place->second;
  repeated_.add(std::min(waiting.records, envelope.record_count));
  if (waiting.records >= envelope.record_count) return;
  if (is_new) waiting.since_ns = now_ns;
  waiting_bytes_ += frame.size() - waiting.frame.size();
  waiting.records = envelope.record_count;
  waiting.frame.assign(frame.begin(), frame.end());
  if (waiting_bytes_ > waiting_bytes_max_) skip_hole(lane);
}

void LaneSequencer::pass(Lane& lane, const Envelope& envelope, core::Bytes frame) {
  const uint64_t end = envelope.wire_sequence + envelope.record_count;
  if (end <= lane.next) return repeated_.add(envelope.record_count);
  if (envelope.wire_sequence == lane.next) {
    sink_(envelope, frame);
  } else {
    const auto skip = static_cast<uint32_t>(lane.next - envelope.wire_sequence);
    const auto rest = without_first(frame, skip);
    if (!rest) return;  // damaged: another line, or nobody, brings it
    repeated_.add(skip);
    Envelope trimmed;
    TD_CHECK(read_envelope(*rest, trimmed) == FrameError::kNone);
    sink_(trimmed, *rest);
  }
  lane.next = end;
}

void LaneSequencer::pass_waiting(Lane& lane) {
  for (auto first = lane.waiting.begin(); first != lane.waiting.end() && first->first <= lane.next;
       first = lane.waiting.erase(first)) {
    const std::vector<std::byte>& frame = first->second.frame;
    Envelope envelope;
    TD_CHECK(read_envelope(frame, envelope) == FrameError::kNone);
    pass(lane, envelope, frame);
    waiting_bytes_ -= frame.size();
  }
}

void LaneSequencer::skip_hole(Lane& lane) {
  lane.next = lane.waiting.begin()->first;
  pass_waiting(lane);
}

void LaneSequencer::let_go_before(int64_t time_ns) {
  for (Publisher& publisher : publishers_) {
    for (Lane& lane : publisher.lanes) {
      while (!lane.waiting.empty() && lane.waiting.begin()->second.since_ns <= time_ns) skip_hole(lane);
    }
  }
}

bool LaneSequencer::is_complete(const EndOfTape& end) const {
  const Publisher* publisher = known(end.publisher);
  return std::ranges::all_of(end.records_sent, [&](const auto& sent) {
    const auto& [lane, records] = sent;
    return lane.value >= tape::kLanesMax || records == 0 ||
           (publisher != nullptr && publisher->lanes[lane.value].next >= records);
  });
}

int64_t LaneSequencer::heard_ns(uint64_t publisher) const {
  const Publisher* found = known(publisher);
  return found == nullptr ? 0 : found->heard_ns;
}

const LaneSequencer::Publisher* LaneSequencer::known(uint64_t id) const {
  const auto found = std::ranges::find(publishers_, id, &Publisher::id);
  return found == publishers_.end() ? nullptr : &*found;
}

}  // namespace tapedeck::transport
