#include "engine/clone/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

constexpr size_t kStreams = 128;            // at a time, and
constexpr size_t kSlowStreams = 512;        // set aside
constexpr int kMessagesBetweenLooks = 256;  // between two looks at the updates
constexpr int kMessagesAStream = 64;        // then it is the next client's turn
constexpr int kRequestsATurn = 1'000;
constexpr int64_t kRetry_ns = core::kMillisecond_ns;       // when all clients' queues are full
constexpr int64_t kSlow_ns = 250 * core::kMillisecond_ns;  // without progress, after which a stream is set aside
constexpr int64_t kSlowLook_ns = 50 * core::kMillisecond_ns;
constexpr int64_t kStall_ns = 5 * core::kSecond_ns;  // without progress, after which it ends
constexpr size_t kCopiedBytesMax = 512;              // of a value; sending a larger one in place costs less

// A frame that lies in the entry and keeps it.
zmq::message_t value_of(const EntryPointer& entry) {
  if (entry->value.size() <= kCopiedBytesMax) return frame_of(entry->value);
  const auto release = [](void*, void* hint) { delete static_cast<EntryPointer*>(hint); };
  return {const_cast<char*>(entry->value.data()), entry->value.size(), release, new EntryPointer(entry)};
}

}  // namespace

Snapshots::Snapshots(zmq::socket_t router, const Limits& limits, int64_t hold_ns, std::string properties)
    : router_(std::move(router)), limits_(limits), hold_ns_(hold_ns), properties_(std::move(properties)) {
  router_.set(zmq::sockopt::router_mandatory, true);
}

void Snapshots::receive(int64_t now_ns) {
  Frames frames;
  for (int i = 0; i < kRequestsATurn && frames.receive(router_); ++i) on_request(frames, now_ns);
}

void Snapshots::on_request(Frames& frames, int64_t now_ns) {
  ++counters_.requests;
  const auto subtree = decode_request(frames.bytes(1));
  if (!subtree) {
    ++counters_.malformed;
    return;
  }
  std::string identity(frames[0].to_string_view());
  if (identities_.contains(identity)) {
    ++counters_.repeated;
    return;
  }
  if (identities_.size() >= limits_.clients_max) {
    ++counters_.refused;
    const std::string properties = fmt::format("{}{}=clients\n", properties_, kRefused);
    if (send_frame(router_, frame_of(identity), true) == Sent::kYes) {
      static_cast<void>(clone::send(router_, {.key = kHeartbeat, .properties = properties}));
    }
    return;
  }
  identities_.insert(identity);
  waiting_.push_back({std::move(identity), std::string(*subtree), now_ns + hold_ns_});
}

// Those that start in one turn share one version: no update comes between them.
void Snapshots::start_due(const Store& store, int64_t now_ns) {
  while (!waiting_.empty() && waiting_.front().due_ns <= now_ns && streams_.size() < kStreams) {
    Request& request = waiting_.front();
    Stream& stream = streams_.emplace_back();
    stream.identity = std::move(request.identity);
    stream.subtree = std::move(request.subtree);
    stream.version = store.table();
    stream.sequence = store.sequence();
    stream.cursor = stream.version.at(stream.subtree);
    stream.next = stream.cursor.next_pointer();
    stream.progress_ns = now_ns;
    waiting_.pop_front();
  }
}

void Snapshots::send(const Store& store, int64_t now_ns) {
  set_slow_aside(now_ns);
  look_at_slow(now_ns);
  start_due(store, now_ns);
  size_t blocked = 0;
  for (int sent = 0; sent < kMessagesBetweenLooks && blocked < streams_.size();) {
    const Progress progress = advance(streams_.front(), now_ns);
    if (progress != Progress::kBlocked) sent += kMessagesAStream;
    if (progress == Progress::kOver) {
      end(streams_, streams_.begin());
      continue;
    }
    blocked = progress == Progress::kBlocked ? blocked + 1 : 0;
    streams_.splice(streams_.end(), streams_, streams_.begin());
  }
  blocked_ = blocked == streams_.size();
}

// So that others get their places. Where too many are aside, those that have been there for longest end.
void Snapshots::set_slow_aside(int64_t now_ns) {
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const auto next = std::next(stream);
    if (now_ns - stream->progress_ns >= kSlow_ns) slow_.splice(slow_.end(), streams_, stream);
    stream = next;
  }
  for (; slow_.size() > kSlowStreams; ++counters_.stalled) end(slow_, slow_.begin());
}

void Snapshots::look_at_slow(int64_t now_ns) {
  if (now_ns < next_slow_look_ns_) return;
  int sent = 0;
  for (auto stream = slow_.begin(); stream != slow_.end() && sent < kMessagesBetweenLooks;) {
    const auto next = std::next(stream);
    const Progress progress = advance(*stream, now_ns);
    if (stream->progress_ns == now_ns) sent += kMessagesAStream;
    if (progress == Progress::kOver) {
      end(slow_, stream);
    } else if (stream->progress_ns == now_ns) {
      streams_.splice(streams_.end(), slow_, stream);
    }
    stream = next;
  }
  if (sent < kMessagesBetweenLooks) next_slow_look_ns_ = now_ns + kSlowLook_ns;
}

void Snapshots::end(std::list<Stream>& streams, std::list<Stream>::iterator stream) {
  identities_.erase(stream->identity);
  streams.erase(stream);
}

Snapshots::Progress Snapshots::advance(Stream& stream, int64_t now_ns) {
  for (int i = 0; i < kMessagesAStream; ++i) {
    const bool at_end = !stream.next || !stream.next->key.starts_with(stream.subtree);
    const Sent sent = at_end ? send_end(stream) : send_entry(stream);
    if (sent == Sent::kGone) {
      ++counters_.gone;
      return Progress::kOver;
    }
    if (sent == Sent::kFull) {
      if (now_ns - stream.progress_ns < kStall_ns) return Progress::kBlocked;
      ++counters_.stalled;
      return Progress::kOver;
    }
    stream.progress_ns = now_ns;
    if (at_end) {
      ++counters_.finished;
      return Progress::kOver;
    }
    stream.next = stream.cursor.next_pointer();
  }
  return Progress::kMore;
}

Sent Snapshots::send_entry(const Stream& stream) {
  const Sent sent = send_frame(router_, frame_of(stream.identity), true);
  if (sent != Sent::kYes) return sent;
  return clone::send(router_, {frame_of(stream.next->key), frame_of(stream.next->sequence), zmq::message_t(),
                               zmq::message_t(), value_of(stream.next)});
}

Sent Snapshots::send_end(const Stream& stream) {
  const Sent sent = send_frame(router_, frame_of(stream.identity), true);
  if (sent != Sent::kYes) return sent;
  return clone::send(
      router_,
      {.key = kEnd, .sequence = stream.sequence, .uuid = {}, .properties = properties_, .value = stream.subtree});
}

int64_t Snapshots::next_send_ns(int64_t now_ns) const {
  if (!streams_.empty()) return blocked_ ? now_ns + kRetry_ns : now_ns;
  return std::min(waiting_.empty() ? INT64_MAX : waiting_.front().due_ns,
                  slow_.empty() ? INT64_MAX : next_slow_look_ns_);
}

}  // namespace tapedeck::clone
