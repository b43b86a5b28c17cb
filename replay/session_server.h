// The replay's end of the session channel: who has joined, how far each is, and their receipts. Runs on a thread of its
// own; the rest may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.h"
#include "engine/transport/flow_window.h"
#include "engine/transport/session.h"
#include "engine/transport/socket.h"

namespace tapedeck::replay {

// A subscriber, as the replay knows it.
struct Participant {
  std::string name;
  uint64_t records = 0;  // that it has handled, as of its last progress
  bool dead = false;     // without a receipt, and not heard, or at the end not moving, for longer than the limit
  bool equal = false;    // its receipt equals what was sent
  std::optional<transport::Receipt> receipt;
  std::string verdict;  // a sentence
};

class SessionServer {
 public:
  // How far subscribers with windows let the replay go: what was sent so far, in records of so many bytes on average,
  // and where to tell up to which record may be sent.
  struct Flow {
    std::function<uint64_t()> sent;
    uint64_t mean_record_bytes = 1;
    transport::SendLimit& limit;
  };
  SessionServer(zmq::context_t& context, uint64_t publisher, int64_t silence_ns, Flow flow, const core::Clock& clock);

  [[nodiscard]] core::Result<std::string> bind(const transport::Endpoint& endpoint);
  void run();  // until stop()
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  // How many subscribers ever joined: when it grows, somebody needs the dictionary.
  [[nodiscard]] size_t joined() const { return joined_.load(std::memory_order_acquire); }
  // Nobody who joined is without a receipt, dead ones aside.
  [[nodiscard]] bool all_settled() const;
  [[nodiscard]] std::vector<Participant> participants() const;
  // The name of the one that has handled least, of those that are still at it; empty if there is none.
  [[nodiscard]] std::string slowest() const;

  // From now on receipts are judged; those that came before are judged now.
  void expect(const std::map<core::Lane, tape::LaneDigest>& sent);

 private:
  struct Peer {
    Participant participant;
    int64_t heard_ns = 0;  // monotonic
    bool answered = false;
    uint64_t window_records = 0;  // 0: none
    uint64_t done = 0;            // records that are no longer under way to it: handled, lost, or given up
    uint64_t reached = 0;         // handled or lost, as it last told
    int64_t reached_ns = 0;       // monotonic; since when it has been there, or was busy with what it had
    int64_t next_pong_ns = 0;
  };

  void receive();
  void on_message(const std::string& identity, const transport::SessionMessage& message);
  void note_progress(Peer& peer, const transport::Progress& progress);
  void set_limit();
  void judge(const std::string& identity, Peer& peer);
  void note_silent_ones();
  [[nodiscard]] bool is_dead(const Peer& peer, int64_t now_ns) const;
  void send(const std::string& identity, const transport::SessionMessage& message);

  zmq::socket_t router_;
  const uint64_t publisher_;
  const int64_t silence_ns_;
  const Flow flow_;
  const core::Clock& clock_;
  std::atomic<bool> stopped_{false};
  std::atomic<size_t> joined_{0};
  mutable std::mutex mutex_;
  std::map<std::string, Peer> peers_;                           // by identity; guarded by mutex_
  std::optional<std::map<core::Lane, tape::LaneDigest>> sent_;  // guarded by mutex_
  int64_t expected_ns_ = 0;  // monotonic; since when sent_ is told; guarded by mutex_
};

// What to say of a receipt, given what was sent: whether it proves that all of it arrived.
[[nodiscard]] transport::Verdict judge_receipt(const transport::Receipt& receipt,
                                               const std::map<core::Lane, tape::LaneDigest>& sent);

}  // namespace tapedeck::replay
