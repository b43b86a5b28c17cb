#include "engine/blackbox/subscriber.h"

#include <algorithm>

namespace tapedeck::blackbox {

using transport::bytes_of;

Subscriber::Subscriber(zmq::socket_t sub, std::vector<zmq::socket_t> pushes, LaneAccounts& accounts, TopicTable& topics,
                       const Options& options, const core::StopFlag& stop, const core::Clock& clock)
    : sub_(std::move(sub)),
      pushes_(std::move(pushes)),
      accounts_(accounts),
      topics_(topics),
      options_(options),
      stop_(stop),
      clock_(clock),
      next_wire_sequence_(tape::kLanesMax) {}

std::optional<transport::Announcement> Subscriber::announcement() const {
  const std::lock_guard lock(mutex_);
  return announcement_;
}

bool Subscriber::is_silent() const {
  return publisher_ != 0 && clock_.monotonic_ns() - heard_ns_.load(std::memory_order_relaxed) > options_.silence_ns;
}

void Subscriber::run() {
  Ending ending = Ending::kRunning;
  while (ending == Ending::kRunning) {
    zmq::message_t message;
    const bool heard = transport::receive(sub_, message) && on_message(std::move(message));
    ending = ending_.load(std::memory_order_relaxed);
    if (!heard && ending == Ending::kRunning && is_silent()) ending = Ending::kSilence;
    if (stop_.requested() && ending == Ending::kRunning) ending = Ending::kStopped;
  }
  release_held();
  for (zmq::socket_t& push : pushes_) push.close();
  sub_.close();
  ending_.store(ending, std::memory_order_release);  // publishes the counters
}

bool Subscriber::on_message(zmq::message_t message) {
  const std::string_view prefix = core::as_text(bytes_of(message).first(std::min<size_t>(message.size(), 4)));
  return prefix.starts_with(transport::kDataPrefix) ? on_data(std::move(message)) : on_in_band(message);
}

bool Subscriber::on_data(zmq::message_t message) {
  transport::Envelope envelope;
  if (transport::read_envelope(bytes_of(message), envelope) != transport::FrameError::kNone ||
      envelope.lane >= tape::kLanesMax) {
    ++bad_frames_;
    return false;
  }
  if (publisher_ == 0) publisher_ = envelope.publisher;
  if (envelope.publisher != publisher_) return false;  // a replay that we did not come for
  note_sign_of_life();
  if (topics_.is_set()) {
    dispatch(std::move(message));
  } else {
    hold(std::move(message));
  }
  return true;
}

// Bounded: the oldest frames are let go first, and show as a gap.
void Subscriber::hold(zmq::message_t message) {
  held_bytes_ += message.size();
  held_.push_back(std::move(message));
  while (held_bytes_ > options_.queue_bytes && held_.size() > 1) {
    held_bytes_ -= held_.front().size();
    held_.pop_front();
  }
}

void Subscriber::release_held() {
  for (zmq::message_t& message : held_) dispatch(std::move(message));
  held_.clear();
  held_bytes_ = 0;
}

void Subscriber::dispatch(zmq::message_t message) {
  transport::Envelope envelope;
  TD_CHECK(transport::read_envelope(bytes_of(message), envelope) == transport::FrameError::kNone);
  uint64_t& next = next_wire_sequence_[envelope.lane];
  if (envelope.wire_sequence < next) {
    repeated_records_ += envelope.record_count;
    return;
  }
  if (envelope.wire_sequence > next) note_gap(core::Lane(envelope.lane), next, envelope.wire_sequence);
  next = envelope.wire_sequence + envelope.record_count;
  zmq::socket_t& push = pushes_[envelope.lane % pushes_.size()];
  while (!transport::send(push, message)) {
    if (stop_.requested()) return;
  }
  ++frames_;
}

void Subscriber::note_gap(core::Lane lane, uint64_t from, uint64_t to) {
  ++gaps_;
  records_lost_ += to - from;
  accounts_.skip(lane, from, to - from);
}

bool Subscriber::on_in_band(const zmq::message_t& message) {
  const core::Bytes bytes = bytes_of(message);
  if (const auto announcement = transport::decode_announcement(bytes)) {
    if (publisher_ == 0) publisher_ = announcement->publisher;
    if (announcement->publisher != publisher_) return false;
    note_sign_of_life();
    const std::lock_guard lock(mutex_);
    announcement_ = *announcement;
    return true;
  }
  if (auto dictionary = transport::decode_dictionary(bytes)) {
    if (topics_.is_set() || publisher_ == 0) return false;  // the tape of one replay does not change
    topics_.set(std::move(dictionary->names));
    release_held();
    return true;
  }
  if (const auto end = transport::decode_end(bytes)) {
    if (end->publisher == publisher_) on_end(*end);
  } else {
    ++bad_frames_;
  }
  return false;
}

void Subscriber::on_end(const transport::EndOfTape& end) {
  release_held();
  for (const auto& [lane, records] : end.records_sent) {
    if (lane.value >= tape::kLanesMax) continue;
    if (records > next_wire_sequence_[lane.value]) note_gap(lane, next_wire_sequence_[lane.value], records);
  }
  publisher_was_interrupted_ = end.interrupted;
  ending_.store(Ending::kEndOfTape, std::memory_order_relaxed);
}

}  // namespace tapedeck::blackbox
