// A SUB thread of a Black Box: receives the frames of one or more shards, checks their envelopes and sequences, and
// pushes them on to the workers. It looks at no record, except on the plain wire, whose records it gathers to frames
// first. Runs on a thread of its own; the box reads its state from outside.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "engine/blackbox/black_box.h"
#include "engine/blackbox/heard_replay.h"
#include "engine/blackbox/lane_accounts.h"
#include "engine/blackbox/plain_gatherer.h"
#include "engine/core/counter.h"
#include "engine/transport/envelope.h"
#include "engine/transport/in_band.h"
#include "engine/transport/socket.h"

namespace tapedeck::blackbox {

// How a SUB thread ended.
enum class Ending { kRunning, kEndOfTape, kSilence, kStopped };

// What all SUB threads of a box share.
struct SubscriberContext {
  const Options& options;
  HeardReplay& heard;
  LaneAccounts& accounts;
  TopicTable& topics;
  const core::StopFlag& stop;
  const core::Clock& clock;
};

class Subscriber {
 public:
  // Another socket connected to the same endpoints, that is subscribed to everything.
  using MakePlainSocket = std::function<core::Result<zmq::socket_t>()>;

  // `sub` is connected to `shards` of the replay's endpoints, and subscribed to what the packed wire and in-band
  // messages need; `make_plain` gives what takes its place once a replay has announced that its wire is plain.
  // `pushes`: one for each worker (by-lane), or a single one to all of them (any).
  Subscriber(const SubscriberContext& context, zmq::socket_t sub, MakePlainSocket make_plain, size_t shards,
             std::vector<zmq::socket_t> pushes);

  void run();

  // From any thread, while it runs.
  [[nodiscard]] Ending ending() const { return ending_.load(std::memory_order_acquire); }
  [[nodiscard]] uint64_t frames() const { return frames_.get(); }    // dispatched
  [[nodiscard]] uint64_t records() const { return records_.get(); }  // in them, by their envelopes
  [[nodiscard]] uint64_t bytes() const { return bytes_.get(); }
  [[nodiscard]] uint64_t records_lost() const { return records_lost_.get(); }
  // A sign of life of the replay came another way.
  void note_sign_of_life() { heard_ns_.store(context_.clock.monotonic_ns(), std::memory_order_relaxed); }

  // After ending() is not kRunning.
  [[nodiscard]] uint64_t gaps() const { return gaps_; }
  [[nodiscard]] uint64_t repeated_records() const { return repeated_records_; }
  [[nodiscard]] uint64_t bad_frames() const { return bad_frames_; }
  // The first wire sequence of lanes that did not begin with 0.
  [[nodiscard]] const std::map<core::Lane, uint64_t>& begins_at() const { return begins_at_; }
  [[nodiscard]] bool publisher_was_interrupted() const { return publisher_was_interrupted_; }

 private:
  [[nodiscard]] bool receive_next(zmq::message_t& message);
  // Whether it was a sign of life of the replay that we listen to; so are those after it. They may take what is in
  // the message, which is received into again: making and moving one costs as much as looking at a small one.
  bool on_message(zmq::message_t& message);
  bool on_data(zmq::message_t& message);
  bool on_plain(zmq::message_t& message);
  bool on_in_band(const zmq::message_t& message);
  bool on_announcement(const transport::Announcement& announcement);
  bool on_dictionary(transport::Dictionary dictionary);
  void change_to_plain(const transport::Announcement& announcement);
  void take_plain(core::Bytes message);
  void on_end(const transport::EndOfTape& end);
  void hold(const zmq::message_t& frame);
  void release_held();
  void dispatch(zmq::message_t& message);
  void note_gap(core::Lane lane, uint64_t from, uint64_t to);
  [[nodiscard]] bool is_silent() const;

  const SubscriberContext context_;
  zmq::socket_t sub_;
  const MakePlainSocket make_plain_;
  std::vector<zmq::socket_t> pushes_;

  std::atomic<Ending> ending_{Ending::kRunning};
  std::atomic<int64_t> heard_ns_{0};  // monotonic; 0: not heard yet

  const size_t shards_;
  std::set<uint32_t> ended_;         // shards whose end of tape was heard
  std::deque<zmq::message_t> held_;  // frames that came before the names of their topics
  uint64_t held_bytes_ = 0;
  std::optional<transport::Announcement> plain_;  // of a plain wire: sub_ is subscribed to everything
  std::optional<PlainGatherer> gatherer_;         // on a plain wire, once topics have names
  bool another_publishes_ = false;                // on our plain wire, where messages do not say who sent them
  std::vector<uint64_t> next_wire_sequence_;      // by lane
  std::map<core::Lane, uint64_t> begins_at_;
  uint64_t gaps_ = 0;
  uint64_t repeated_records_ = 0;
  uint64_t bad_frames_ = 0;
  bool publisher_was_interrupted_ = false;

  // Written by this thread alone, on a cache line of their own.
  alignas(64) core::Counter frames_;
  core::Counter records_;
  core::Counter bytes_;
  core::Counter records_lost_;
};

}  // namespace tapedeck::blackbox
