// One shard of a replay: some lanes of the tape, with a data socket and a ZeroMQ context that it shares with no other
// shard. Runs on a thread of its own, which publishes, and reads the tape itself unless the replay is paced or in order
// of arrival; its counters may be read from any thread meanwhile.
#pragma once

#include <atomic>
#include <deque>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/core/notices.h"
#include "engine/transport/multicast_sender.h"
#include "replay/paced_player.h"
#include "replay/publisher.h"
#include "replay/read_ahead.h"
#include "replay/replay.h"
#include "replay/session_server.h"
#include "replay/skew_limit.h"

namespace tapedeck::replay {

// What the shards of a replay share: what they read, and the tape clock.
struct SharedByShards {
  const Options& options;
  const Source& source;
  uint64_t publisher;  // id
  size_t run_bytes;    // of a run at most
  uint64_t mean_record_bytes;
  const SessionServer& session;
  std::deque<transport::FlowWindow>& windows;  // of each copy of the replay
  TapeClock& tape_clock;
  SkewLimit& skew;
  core::Notices& notices;
  std::latch& start_line;  // each shard arrives at it once, with its first run at hand
  const core::StopFlag& stop;
  const core::Clock& clock;
};

class Shard {
 public:
  Shard(const SharedByShards& shared, size_t number, zmq::context_t& network, const LaneShare& lanes);

  // Binds, or opens a multicast line, and gives the endpoint with the port that it got. Once for each copy of the
  // replay.
  [[nodiscard]] core::Result<std::string> bind(const transport::Endpoint& endpoint, size_t copy);
  // Before run().
  void announce_as(const transport::Announcement& announcement, const transport::Dictionary& dictionary) {
    publisher_.announce_as(announcement, dictionary);
  }

  // Waits for subscribers, plays, says that the tape has ended until dismissed, and closes its socket.
  void run();
  void dismiss() { dismissed_.store(true, std::memory_order_relaxed); }

  // From any thread.
  [[nodiscard]] bool is_waiting() const { return phase_.load(std::memory_order_relaxed) == Phase::kWaiting; }
  [[nodiscard]] bool has_played() const { return phase_.load(std::memory_order_acquire) == Phase::kPlayed; }
  [[nodiscard]] const Publisher& publisher() const { return publisher_; }
  [[nodiscard]] Status::Shard status() const;

  // Once run() has come back.
  [[nodiscard]] std::vector<tape::DamageReport> damage() const;
  // Once it has played.
  [[nodiscard]] const PacedPlayer* paced() const { return paced_ ? &*paced_ : nullptr; }
  [[nodiscard]] uint32_t passes() const { return passes_; }
  [[nodiscard]] int64_t started_ns() const { return started_ns_; }  // monotonic; 0 if it never did
  [[nodiscard]] int64_t played_ns() const { return played_ns_; }

 private:
  enum class Phase { kWaiting, kPlaying, kPlayed };

  // A multicast line and the thread that feeds it.
  struct Output {
    std::string endpoint;
    std::unique_ptr<transport::MulticastSender> sender;
    std::thread thread;
    uint64_t unsent = 0;  // records, when it was given up
  };

  [[nodiscard]] core::Result<std::string> open_output(const transport::Endpoint& endpoint, size_t copy);
  void start_outputs();
  void finish_outputs();
  void note_unsent(Output& output) const;
  [[nodiscard]] uint64_t queue_bytes() const;
  [[nodiscard]] int frames_in_queue() const;
  [[nodiscard]] Order order() const;
  [[nodiscard]] size_t buffers(size_t lanes) const;
  [[nodiscard]] uint64_t position_of(const Run& run) const;

  [[nodiscard]] const topology::ShardPlace* place() const;
  [[nodiscard]] bool wait_for_subscribers();
  void greet_new_ones();
  void keep_house();
  void play();
  void start_with_the_others();
  void play_paced();
  void play_at_full_speed();
  [[nodiscard]] bool reads_ahead() const;
  void place_read_ahead();
  [[nodiscard]] std::optional<Run> next_run();
  [[nodiscard]] std::optional<Run> take_run();
  [[nodiscard]] std::optional<Run> read_run();
  [[nodiscard]] bool wait_for_slower_shards(uint64_t position);
  void say_the_end();
  [[nodiscard]] int linger_ms() const;

  const SharedByShards& shared_;
  const size_t number_;
  zmq::context_t& network_;
  core::BufferPool pool_;
  Publisher publisher_;
  std::vector<Output> outputs_;
  RunReader reader_;
  std::optional<ReadAhead> ahead_;
  std::optional<PacedPlayer> paced_;
  std::atomic<Phase> phase_{Phase::kWaiting};  // the release of kPlayed publishes what is told of a shard that has
  std::atomic<bool> dismissed_{false};
  size_t greeted_ = 0;  // subscribers
  uint32_t passes_ = 0;
  int64_t next_housekeeping_ns_ = 0;
  int64_t started_ns_ = 0;
  int64_t played_ns_ = 0;
};

}  // namespace tapedeck::replay
