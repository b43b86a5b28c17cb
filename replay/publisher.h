// Owns the data socket of a shard: stamps envelopes, sends runs and slices without copying them (or, on the plain wire,
// record by record), repeats the in-band messages, and keeps account of what was sent. Lossless unless told otherwise:
// a full subscriber holds send() back. For one thread; its counters may be read from any.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>

#include "engine/core/clock.h"
#include "engine/core/counter.h"
#include "engine/core/stop.h"
#include "engine/transport/in_band.h"
#include "engine/transport/socket.h"
#include "replay/plain_sender.h"
#include "replay/run.h"

namespace tapedeck::replay {

enum class OnSlow {
  kBlock,  // wait for the slowest subscriber
  kDrop,   // let PUB drop what does not fit in a subscriber's queue; it shows in that subscriber's receipt
};

class Publisher {
 public:
  // `frames_max`: how many frames wait for each subscriber. `plain`: given on the plain wire, and outlives it.
  Publisher(zmq::context_t& context, OnSlow on_slow, int frames_max, core::TapeId tape, uint64_t id,
            const std::optional<PlainTopics>& plain, const core::StopFlag& stop, const core::Clock& clock);

  // Binds and gives the endpoint with the port that it got.
  [[nodiscard]] core::Result<std::string> bind(const transport::Endpoint& endpoint);

  void announce_as(const transport::Announcement& announcement, const transport::Dictionary& dictionary);

  // Sends the announcement, and with `everything` the dictionary, if they are due or `now`.
  void repeat_in_band(bool now, bool everything);

  // Until one more subscription has come in than now: of a socket that is being connected in this process.
  void wait_for_subscription();
  // How many subscriptions have come in; several for each subscriber as a rule.
  [[nodiscard]] uint64_t subscriptions() const { return subscriptions_; }

  // Sends a run, or, when `message` has been filled by the caller behind kHeadroom, a slice. `scheduled_ns` is the wall
  // time at which it was due, 0 for now. False if the replay was stopped while it waited.
  [[nodiscard]] bool send(Run run, uint64_t scheduled_ns);
  [[nodiscard]] bool send(zmq::message_t message, core::Lane lane, uint32_t pass, const Piece& piece,
                          uint64_t scheduled_ns);
  // Whether it found room in every queue, for which it does not wait long.
  bool send_end(uint32_t shard, bool interrupted);

  // What was sent, by lane: what each receipt must equal.
  [[nodiscard]] const std::map<core::Lane, tape::LaneDigest>& sent() const { return sent_; }
  // What could not be taken apart for the plain wire, by lane.
  [[nodiscard]] const std::map<core::Lane, uint64_t>& records_lost() const { return records_lost_; }

  // From any thread.
  [[nodiscard]] uint64_t records() const { return records_.get(); }
  [[nodiscard]] uint64_t record_bytes() const { return record_bytes_.get(); }
  [[nodiscard]] uint64_t frames() const { return frames_.get(); }
  // For how long the send that is going on has waited for a subscriber; 0 if none waits.
  [[nodiscard]] int64_t held_back_ns() const;
  [[nodiscard]] uint64_t held_back_total_ns() const { return held_back_total_ns_.get(); }

  // Closes the socket once it has sent everything, or after `linger_ms`.
  void close(int linger_ms);

 private:
  void stamp(std::byte* front, core::Lane lane, uint32_t pass, const Piece& piece, size_t run_bytes,
             uint64_t scheduled_ns);
  [[nodiscard]] bool send_plain(core::Bytes run, core::Lane lane);
  [[nodiscard]] bool send_stamped(zmq::message_t& message, core::Lane lane, const Piece& piece);
  [[nodiscard]] Piece send_records(const tape::BlockView& block, uint64_t sent_ns);
  void account(core::Lane lane, const Piece& piece, uint64_t frames);
  [[nodiscard]] bool send_whole(zmq::message_t& message);
  void send_in_band(const transport::Message& message);
  void drain_subscriptions();

  zmq::socket_t socket_;
  const core::TapeId tape_;
  const core::StopFlag& stop_;
  const core::Clock& clock_;
  const uint64_t id_;
  transport::Message announcement_;
  transport::Message dictionary_;
  int64_t next_announcement_ns_ = 0;  // monotonic
  int64_t next_dictionary_ns_ = 0;    // monotonic
  uint64_t bytes_at_dictionary_ = 0;
  uint64_t subscriptions_ = 0;
  std::optional<PlainSender> plain_;
  size_t padding_bytes_ = 0;  // behind the end on the plain wire
  std::map<core::Lane, tape::LaneDigest> sent_;
  std::map<core::Lane, uint64_t> records_lost_;

  // Written by the publishing thread alone, on a cache line of their own.
  alignas(64) core::Counter records_;
  core::Counter record_bytes_;
  core::Counter frames_;
  core::Counter held_back_total_ns_;
  std::atomic<int64_t> waiting_since_ns_{0};  // monotonic; 0 if no send waits
};

}  // namespace tapedeck::replay
