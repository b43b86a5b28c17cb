#include "replay/publisher.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "engine/core/crc32c.h"

namespace tapedeck::replay {
namespace {

constexpr int64_t kDictionaryInterval_ns = 1'000'000'000;
constexpr int64_t kDictionaryIntervalMax_ns = 10'000'000'000;
constexpr size_t kBatchesOfLibzmq = 4 * 8192;      // bytes; more than what it encodes at once
constexpr size_t kUnixBufferIfUnknown = 1u << 20;  // bytes

// As much as a Unix socket holds: its bound, and one piece more.
size_t unix_buffer_bytes() {
  int bound = 0;
  socklen_t size = sizeof bound;
  const int probe = socket(AF_UNIX, SOCK_STREAM, 0);
  const bool known = getsockopt(probe, SOL_SOCKET, SO_SNDBUF, &bound, &size) == 0;
  close(probe);
  return known ? 2 * static_cast<size_t>(bound) : kUnixBufferIfUnknown;
}

// What must follow the last message that matters before the socket may be closed. libzmq then lets go what it has not
// written of its last batch; and a SUB whose queue is full lets go what it has not read from an ipc connection.
size_t padding_bytes(transport::Scheme scheme) {
  switch (scheme) {
    case transport::Scheme::kTcp: return kBatchesOfLibzmq;
    case transport::Scheme::kIpc: return kBatchesOfLibzmq + unix_buffer_bytes();
    default: return 0;
  }
}

}  // namespace

Publisher::Publisher(zmq::context_t& context, OnSlow on_slow, int frames_max, core::TapeId tape, uint64_t id,
                     const std::optional<PlainTopics>& plain, const core::StopFlag& stop, const core::Clock& clock)
    : socket_(context, zmq::socket_type::xpub), tape_(tape), stop_(stop), clock_(clock), id_(id) {
  socket_.set(zmq::sockopt::sndhwm, frames_max);
  socket_.set(zmq::sockopt::sndtimeo, static_cast<int>(transport::kPollInterval.count()));
  socket_.set(zmq::sockopt::xpub_nodrop, on_slow == OnSlow::kBlock);
  socket_.set(zmq::sockopt::xpub_verbose, true);
  if (plain) plain_.emplace(*plain);
}

core::Result<std::string> Publisher::bind(const transport::Endpoint& endpoint) {
  padding_bytes_ = std::max(padding_bytes_, padding_bytes(endpoint.scheme));
  return transport::bind(socket_, endpoint);
}

void Publisher::announce_as(const transport::Announcement& announcement, const transport::Dictionary& dictionary) {
  announcement_ = transport::encode(announcement);
  dictionary_ = transport::encode(dictionary);
}

void Publisher::repeat_in_band(bool now, bool everything) {
  const int64_t now_ns = clock_.monotonic_ns();
  if (now || now_ns >= next_announcement_ns_) {
    drain_subscriptions();
    send_in_band(announcement_);
    next_announcement_ns_ = now_ns + transport::kAnnouncementInterval_ns;
  }
  const bool affordable = (record_bytes() - bytes_at_dictionary_) / transport::kDictionaryShare >= dictionary_.size() ||
                          now_ns >= next_dictionary_ns_ + kDictionaryIntervalMax_ns;
  if ((now && everything) || (now_ns >= next_dictionary_ns_ && affordable)) {
    send_in_band(dictionary_);
    next_dictionary_ns_ = now_ns + kDictionaryInterval_ns;
    bytes_at_dictionary_ = record_bytes();
  }
}

// ZeroMQ tells us of each subscription; unread, these messages would pile up.
void Publisher::drain_subscriptions() {
  zmq::message_t subscription;
  while (transport::receive(socket_, subscription, zmq::recv_flags::dontwait)) {
    if (subscription.to_string_view().starts_with('\1')) ++subscriptions_;
  }
}

void Publisher::wait_for_subscription() {
  for (const uint64_t before = subscriptions_; subscriptions_ == before;) {
    zmq::message_t subscription;
    if (transport::receive(socket_, subscription) && subscription.to_string_view().starts_with('\1')) ++subscriptions_;
  }
}

void Publisher::send_in_band(const transport::Message& message) {
  zmq::message_t copy(message.data(), message.size());
  static_cast<void>(send_whole(copy));
}

void Publisher::stamp(std::byte* front, core::Lane lane, uint32_t pass, const Piece& piece, size_t run_bytes,
                      uint64_t scheduled_ns) {
  const uint64_t now_ns = clock_.now().value;
  transport::stamp_envelope({front, transport::kHeadroom}, {.lane = lane.value,
                                                            .publisher = id_,
                                                            .wire_sequence = sent_[lane].records,
                                                            .record_count = static_cast<uint32_t>(piece.records),
                                                            .pass = pass,
                                                            .scheduled_ns = scheduled_ns == 0 ? now_ns : scheduled_ns,
                                                            .sent_ns = now_ns,
                                                            .tape = tape_.value,
                                                            .run_bytes = static_cast<uint32_t>(run_bytes)});
}

void Publisher::account(core::Lane lane, const Piece& piece, uint64_t frames) {
  sent_[lane].add(piece.records, piece.crc, piece.record_bytes);
  record_bytes_.add(piece.record_bytes);
  frames_.add(frames);
}

bool Publisher::send_stamped(zmq::message_t& message, core::Lane lane, const Piece& piece) {
  if (!send_whole(message)) return false;
  records_.add(piece.records);
  account(lane, piece, 1);
  return true;
}

bool Publisher::send(Run run, uint64_t scheduled_ns) {
  if (plain_) return send_plain(run.blocks(), run.lane);
  const size_t front = run.begin - transport::kHeadroom;
  stamp(run.buffer.bytes().data() + front, run.lane, run.pass, run.piece, run.size, scheduled_ns);
  zmq::message_t message = transport::message_in(std::move(run.buffer), front, transport::kHeadroom + run.size);
  return send_stamped(message, run.lane, run.piece);
}

bool Publisher::send(zmq::message_t message, core::Lane lane, uint32_t pass, const Piece& piece,
                     uint64_t scheduled_ns) {
  if (plain_) return send_plain(transport::run_of(transport::bytes_of(message)), lane);
  stamp(message.data<std::byte>(), lane, pass, piece, message.size() - transport::kHeadroom, scheduled_ns);
  return send_stamped(message, lane, piece);
}

bool Publisher::send_plain(core::Bytes run, core::Lane lane) {
  const uint64_t sent_ns = clock_.now().value;
  while (!run.empty()) {
    tape::BlockView block;
    if (plain_->take_block(run, block) != tape::Damage::kNone) {
      records_lost_[lane] += block.header.record_count;
      continue;
    }
    const Piece sent = send_records(block, sent_ns);
    account(lane, sent, sent.records);
    if (sent.records < block.size()) return false;
  }
  return true;
}

// Until the replay is stopped; what was sent. They are counted one by one, for how far a replay may go depends on it.
Piece Publisher::send_records(const tape::BlockView& block, uint64_t sent_ns) {
  const core::Bytes records = block.records.bytes();
  uint32_t count = 0;
  for (const tape::RecordView record : block) {
    zmq::message_t message = plain_->message_of(record, sent_ns);
    if (!send_whole(message)) {
      const core::Bytes sent = records.first(static_cast<size_t>(record.bytes().data() - records.data()));
      return {count, core::crc32c(sent), sent.size()};
    }
    records_.add(1);
    ++count;
  }
  return {block.size(), block.header.raw_crc, block.header.raw_size};
}

bool Publisher::send_whole(zmq::message_t& message) {
  if (transport::send(socket_, message)) return true;
  // It does not fit in a subscriber's queue. Each try gives up after SNDTIMEO, so that we can look around.
  waiting_since_ns_ = clock_.monotonic_ns() - std::chrono::nanoseconds(transport::kPollInterval).count();
  bool sent = false;
  while (!sent && !stop_.requested()) sent = transport::send(socket_, message);
  held_back_total_ns_.add(static_cast<uint64_t>(held_back_ns()));
  waiting_since_ns_ = 0;
  return sent;
}

int64_t Publisher::held_back_ns() const {
  const int64_t since_ns = waiting_since_ns_.load(std::memory_order_relaxed);
  return since_ns == 0 ? 0 : clock_.monotonic_ns() - since_ns;
}

bool Publisher::send_end(uint32_t shard, bool interrupted) {
  transport::EndOfTape end{.publisher = id_, .shard = shard, .interrupted = interrupted, .records_sent = {}};
  for (const auto& [lane, digest] : sent_) end.records_sent[lane] = digest.records;
  transport::Message message = transport::encode(end);
  zmq::message_t copy(message.data(), message.size());
  const bool said = transport::send(socket_, copy);
  if (!said || !plain_ || padding_bytes_ == 0) return said;
  // A client without receipts waits for this message: the same again, with spaces behind it.
  message.resize(message.size() + padding_bytes_, std::byte{' '});
  copy = zmq::message_t(message.data(), message.size());
  static_cast<void>(transport::send(socket_, copy));
  return true;
}

void Publisher::close(int linger_ms) {
  socket_.set(zmq::sockopt::linger, linger_ms);
  socket_.close();
}

}  // namespace tapedeck::replay
