#include "engine/blackbox/subscriber.h"

#include <algorithm>

namespace tapedeck::blackbox {

using transport::bytes_of;

namespace {

constexpr uint64_t kHeldBytesUsual = 64u << 20;

}  // namespace

Subscriber::Subscriber(const SubscriberContext& context, zmq::socket_t sub, MakePlainSocket make_plain, size_t shards,
                       std::vector<zmq::socket_t> pushes)
    : context_(context),
      sub_(std::move(sub)),
      make_plain_(std::move(make_plain)),
      pushes_(std::move(pushes)),
      shards_(shards),
      next_wire_sequence_(tape::kLanesMax) {}

bool Subscriber::is_silent() const {
  const int64_t heard_ns = heard_ns_.load(std::memory_order_relaxed);
  return heard_ns != 0 && context_.clock.monotonic_ns() - heard_ns > context_.options.silence_ns;
}

void Subscriber::run() {
  Ending ending = Ending::kRunning;
  zmq::message_t message;
  while (ending == Ending::kRunning) {
    const bool heard = receive_next(message) && on_message(message);
    ending = ending_.load(std::memory_order_relaxed);
    if (!heard && ending == Ending::kRunning && is_silent()) ending = Ending::kSilence;
    if (context_.stop.requested() && ending == Ending::kRunning) ending = Ending::kStopped;
  }
  release_held();
  for (zmq::socket_t& push : pushes_) push.close();
  sub_.close();
  ending_.store(ending, std::memory_order_release);  // publishes the counters
}

// Nothing that was gathered waits while nothing comes, and nobody waits for the memory of the last message.
bool Subscriber::receive_next(zmq::message_t& message) {
  if (gatherer_) {
    if (transport::receive(sub_, message, zmq::recv_flags::dontwait)) return true;
    gatherer_->flush();
  }
  message.rebuild();
  return transport::receive(sub_, message);
}

bool Subscriber::on_message(zmq::message_t& message) {
  const std::string_view text = core::as_text(bytes_of(message));
  if (plain_ && !text.starts_with(transport::kInBandPrefix)) return on_plain(message);
  return text.starts_with(transport::kDataPrefix) ? on_data(message) : on_in_band(message);
}

bool Subscriber::on_data(zmq::message_t& message) {
  transport::Envelope envelope;
  if (transport::read_envelope(bytes_of(message), envelope) != transport::FrameError::kNone ||
      envelope.lane >= tape::kLanesMax || envelope.wire_sequence > transport::kWireSequenceMax) {
    ++bad_frames_;
    return false;
  }
  if (!context_.heard.is_ours(envelope.publisher)) return false;
  note_sign_of_life();
  if (context_.topics.is_set()) {
    release_held();  // another thread may have heard the names
    dispatch(message);
  } else {
    hold(message);
  }
  return true;
}

bool Subscriber::on_plain(zmq::message_t& message) {
  if (another_publishes_) return false;
  if (gatherer_) {
    take_plain(bytes_of(message));
  } else {
    note_sign_of_life();
    hold(message);
  }
  return true;
}

void Subscriber::take_plain(core::Bytes message) {
  switch (gatherer_->take(message)) {
    case PlainGatherer::Taken::kRecord: break;
    case PlainGatherer::Taken::kRepeated: ++repeated_records_; break;
    case PlainGatherer::Taken::kForeign: ++bad_frames_; break;
  }
}

// Bounded: the oldest frames are let go first, and show as a gap. Copied, for who sends the names may have to wait for
// the buffer that the frame lies in.
void Subscriber::hold(const zmq::message_t& frame) {
  zmq::message_t message(frame.data(), frame.size());
  held_bytes_ += sizeof message + message.size();
  held_.push_back(std::move(message));
  while (held_bytes_ > context_.options.queue_bytes.value_or(kHeldBytesUsual) && held_.size() > 1) {
    held_bytes_ -= sizeof message + held_.front().size();
    held_.pop_front();
  }
}

// Plain messages whose topics still have no names are let go.
void Subscriber::release_held() {
  for (zmq::message_t& message : held_) {
    if (gatherer_) {
      take_plain(bytes_of(message));
    } else if (!plain_) {
      dispatch(message);
    }
  }
  held_.clear();
  held_bytes_ = 0;
  if (gatherer_) gatherer_->flush();
}

void Subscriber::dispatch(zmq::message_t& message) {
  transport::Envelope envelope;
  TD_CHECK(transport::read_envelope(bytes_of(message), envelope) == transport::FrameError::kNone);
  uint64_t& next = next_wire_sequence_[envelope.lane];
  if (envelope.wire_sequence < next) {
    repeated_records_ += envelope.record_count;
    return;
  }
  if (next == 0 && envelope.wire_sequence > 0) begins_at_[core::Lane(envelope.lane)] = envelope.wire_sequence;
  if (envelope.wire_sequence > next) note_gap(core::Lane(envelope.lane), next, envelope.wire_sequence);
  next = envelope.wire_sequence + envelope.record_count;
  zmq::socket_t& push = pushes_[envelope.lane % pushes_.size()];
  const size_t bytes = message.size();
  while (!transport::send(push, message)) {
    if (context_.stop.requested()) return;
  }
  bytes_.add(bytes);
  records_.add(envelope.record_count);
  frames_.add(1);
}

void Subscriber::note_gap(core::Lane lane, uint64_t from, uint64_t to) {
  ++gaps_;
  records_lost_.add(to - from);
  context_.accounts.skip(lane, from, to - from);
}

bool Subscriber::on_in_band(const zmq::message_t& message) {
  const core::Bytes bytes = bytes_of(message);
  if (const auto announcement = transport::decode_announcement(bytes)) return on_announcement(*announcement);
  if (auto dictionary = transport::decode_dictionary(bytes)) return on_dictionary(std::move(*dictionary));
  if (const auto end = transport::decode_end(bytes)) {
    if (context_.heard.publisher() == end->publisher) on_end(*end);
  } else {
    ++bad_frames_;
  }
  return false;
}

bool Subscriber::on_announcement(const transport::Announcement& announcement) {
  if (!context_.heard.is_ours(announcement.publisher)) {
    another_publishes_ = plain_.has_value();
    return false;
  }
  note_sign_of_life();
  if (announcement.wire == transport::Wire::kPlain && !plain_) {
    change_to_plain(announcement);
  } else {
    context_.heard.note(announcement);
  }
  return true;
}

// The announcement is noted when it comes again on the new socket, where it proves that its subscription is in force:
// the replay starts after that. Where there is no new socket, the next announcement tries again.
void Subscriber::change_to_plain(const transport::Announcement& announcement) {
  core::Result<zmq::socket_t> socket = make_plain_();
  if (!socket) return;
  sub_ = std::move(*socket);
  plain_ = announcement;
}

bool Subscriber::on_dictionary(transport::Dictionary dictionary) {
  // Another replay may speak there too; and ours says its names again once it has announced itself.
  const auto ours = plain_ ? plain_ : context_.heard.announcement();
  if (!ours || ours->tape != dictionary.tape) return false;
  context_.topics.set(dictionary.names);  // once: the tape of one replay does not change
  if (plain_ && !gatherer_) {
    gatherer_.emplace(*plain_, std::move(dictionary), [this](zmq::message_t frame) {
      note_sign_of_life();
      dispatch(frame);
    });
  }
  release_held();
  return true;
}

void Subscriber::on_end(const transport::EndOfTape& end) {
  if (!ended_.insert(end.shard).second) return;  // said again
  release_held();
  for (const auto& [lane, records] : end.records_sent) {
    if (lane.value >= tape::kLanesMax || records > transport::kWireSequenceMax) {
      ++bad_frames_;
      continue;
    }
    uint64_t& next = next_wire_sequence_[lane.value];
    if (records > next) note_gap(lane, next, records);
    next = std::max(next, records);
  }
  publisher_was_interrupted_ |= end.interrupted;
  if (ended_.size() == shards_) ending_.store(Ending::kEndOfTape, std::memory_order_relaxed);
}

}  // namespace tapedeck::blackbox
