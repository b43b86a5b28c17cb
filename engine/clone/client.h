// A client of the Clone cache: a copy of a server's keys, or of a subtree, that follows the server, and a way to change
// them for everybody. One thread of its own talks to the server; all functions may be called from any thread, and from
// callbacks except for those that wait. Callbacks run on that thread, in the order of the updates.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/clone/link.h"
#include "engine/clone/pending.h"
#include "engine/clone/replica.h"
#include "engine/core/clock.h"

namespace tapedeck::clone {

// When updates are missing: fetch the state anew, or stop: "unable to continue".
enum class OnGap { kResync, kStop };

struct ClientOptions {
  std::vector<std::string> servers = {};  // HOST:PORT or PORT; where one is silent, the next takes its place
  std::string subtree = {};               // empty: everything; else "/a/" or "/a/b/"
  Collector collector = Collector::kSub;
  OnGap on_gap = OnGap::kResync;
  std::optional<uint64_t> stop_at = {};  // take the state of this sequence, and no update after it
  int64_t silence_ns = 5'000'000'000;    // without a sign of life, after which a server is taken for dead
  int64_t timeout_ns = 10'000'000'000;   // of set() and erase()
};

struct Change {
  enum class Kind { kSet, kErased, kResynced };  // resynced: something was missed; its outcome follows, as changes
  Kind kind = Kind::kSet;
  std::string_view key;
  std::string_view value;
  uint64_t sequence = 0;  // of the state after it
};

struct ClientState {
  bool synced = false;
  uint64_t sequence = 0;  // all updates up to here are in
  uint64_t keys = 0;
  uint64_t holes = 0;    // seen
  uint64_t resyncs = 0;  // snapshots after the first
  uint64_t malformed = 0;
  std::string failure;  // why it stopped; empty while it goes on
};

struct StateDigest {
  uint64_t digest = 0;  // docs/clone-protocol.md, "Digest"
  uint64_t sequence = 0;
  uint64_t keys = 0;
  friend bool operator==(const StateDigest&, const StateDigest&) = default;
};

class Client {
 public:
  using OnChange = std::function<void(const Change&)>;

  // Starts to join; does not wait for the server.
  [[nodiscard]] static core::Result<std::unique_ptr<Client>> connect(const ClientOptions& options,
                                                                     const core::Clock& clock = core::system_clock());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
  // In order, as they are at one moment.
  void for_each(std::string_view subtree, const std::function<void(const Entry&)>& visit) const;
  // Of one moment, with the sequence of the same moment. Costs a pass over the table, during which no update is
  // applied.
  [[nodiscard]] StateDigest digest() const;
  [[nodiscard]] ClientState state() const;

  // Returns when the server has published it and get() has it, or a later update of the same key (a client that has
  // stopped at stop_at: when it is published); fails after `timeout_ns`, though it may still come to pass. With a ttl
  // the key goes after so many seconds; 0 is for ever.
  core::Status set(std::string_view key, std::string_view value, int64_t ttl_s = 0);
  core::Status erase(std::string_view key);
  // The same without waiting; an empty value erases. `done`, which may be empty, is called once, on the client's
  // thread.
  void update(std::string_view key, std::string_view value, int64_t ttl_s, Pending::Done done);

  // Calls back for every key that this client has by now, and for every change from then on, for as long as it lives.
  void watch(std::string_view subtree, OnChange on_change);

  [[nodiscard]] core::Status wait_synced(int64_t timeout_ns) const;
  // Until all updates up to `sequence` are in, as far as the server tells (docs/clone-protocol.md, `since`). Fails
  // after the time-out, where stop_at lies before `sequence`, and where the client had to stop.
  [[nodiscard]] core::Status wait_for(uint64_t sequence, int64_t timeout_ns) const;

 private:
  // Subscribing: until something comes. Waiting: to ask (again) for a snapshot.
  enum class Phase { kSubscribing, kWaiting, kFetching, kSynced, kStopped };
  struct Watcher {
    std::string subtree;
    OnChange on_change;
  };

  Client(const ClientOptions& options, std::vector<Address> servers, const core::Clock& clock, int wake_fd);

  [[nodiscard]] core::Status check(std::string_view key, std::string_view value, int64_t ttl_s) const;
  core::Status update_and_wait(std::string_view key, std::string_view value, int64_t ttl_s);
  void post(std::function<void()> command);
  void wake() const;
  template <class Condition>
  core::Status wait_until(Condition&& condition, int64_t timeout_ns, std::string_view what) const;
  void tell_waiting() const;  // under mutex_

  // On the client's thread.
  void run();
  void wait();
  void run_commands();
  void take_updates();
  void take_published();
  void on_published(const Frames& frames);
  Replica::Step apply(const Message& message);
  void note_limit(const Message& message);
  void note_answer(const Message& message);
  void take_snapshot();
  void on_snapshot(const Message& message);
  void on_snapshot_end(const Message& end);
  [[nodiscard]] bool may_hold_more() const;
  void release_held();
  void on_hole(const Message& message);
  void on_other_server(const Message& message);
  void join_later();
  void ask();
  void send_pending();
  void watch_time();
  core::Status connect_link();
  void stop(const std::string& why);
  void notify(const Change& change);
  void notify_of_resync(const std::vector<EntryPointer>& before);
  static void tell_all(const Watcher& watcher, const std::vector<EntryPointer>& entries, uint64_t sequence);

  const ClientOptions options_;
  const std::vector<Address> servers_;
  const core::Clock& clock_;
  zmq::context_t context_;
  const int wake_fd_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int waiting_ = 0;  // for changed_
  Replica replica_;          // changed by the client's thread, under mutex_
  ClientState state_;

  std::mutex orders_mutex_;  // its own: who gives many updates does not wait for those that come in
  std::deque<std::function<void()>> commands_;
  Pending::Updates updates_;  // that are to be sent
  std::atomic<bool> closing_{false};

  // Of the client's thread.
  std::optional<Link> link_;
  Phase phase_ = Phase::kSubscribing;
  size_t server_ = 0;
  Pending pending_;
  Pending::Updates taken_;  // of updates_; empty between two turns
  std::vector<Watcher> watchers_;
  std::deque<Frames> held_;  // published while a snapshot is under way
  size_t held_bytes_ = 0;
  int64_t now_ns_ = 0;       // of this turn
  int64_t heard_ns_ = 0;     // of anything from the server
  int64_t asked_ns_ = 0;     // this server first, for the snapshot that it has not given; 0: none
  int64_t progress_ns_ = 0;  // asked, or got some of the snapshot
  bool answered_ = false;    // with the first part of it
  int64_t ask_ns_ = 0;       // when to ask, while waiting
  int64_t synced_ns_ = 0;
  int64_t back_off_ns_ = 0;
  int64_t next_look_ns_ = 0;           // for updates to give up
  size_t value_bytes_max_ = SIZE_MAX;  // that the server takes; until it tells, any
  bool joined_before_ = false;
  bool full_ = false;  // no room for the next update
  bool busy_ = false;  // something came: more may have

  std::thread thread_;  // the last, for it uses all the others
};

}  // namespace tapedeck::clone
