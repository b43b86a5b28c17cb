// The snapshot socket of a server: takes requests, and streams to each client a version of the table as it was when its
// turn came. Few are served at a time, and the others wait in a queue. A client that does not read costs at most a
// queue of messages and a version, and keeps nobody else waiting. Never blocks; for the server's thread.
#pragma once

#include <deque>
#include <list>
#include <string>
#include <unordered_set>

#include "engine/clone/frames.h"
#include "engine/clone/store.h"

namespace tapedeck::clone {

struct SnapshotCounters {
  uint64_t requests = 0;
  uint64_t malformed = 0;
  uint64_t repeated = 0;  // of a client that already waits
  uint64_t refused = 0;   // too many wait
  uint64_t finished = 0;
  uint64_t gone = 0;     // clients that went before they had all
  uint64_t stalled = 0;  // clients that took too little for too long
};

class Snapshots {
 public:
  static constexpr int kQueuedMessages = 1'000;  // for each client: the router's SNDHWM, set before it was bound

  // A request is answered `hold_ns` after it came. `properties` tell which server this is.
  Snapshots(zmq::socket_t router, const Limits& limits, int64_t hold_ns, std::string properties);

  [[nodiscard]] zmq::socket_t& socket() { return router_; }
  [[nodiscard]] const SnapshotCounters& counters() const { return counters_; }

  // Takes what has come.
  void receive(int64_t now_ns);
  // Sends a bounded number of messages to those whose turn it is.
  void send(const Store& store, int64_t now_ns);
  // When there will be something to send again; INT64_MAX if nobody waits.
  [[nodiscard]] int64_t next_send_ns(int64_t now_ns) const;

 private:
  struct Request {
    std::string identity;
    std::string subtree;
    int64_t due_ns = 0;
  };
  struct Stream {
    std::string identity;
    std::string subtree;
    Table version;
    uint64_t sequence = 0;
    Table::Cursor cursor;
    EntryPointer next;  // nullptr behind the last one
    int64_t progress_ns = 0;
  };
  enum class Progress { kMore, kBlocked, kOver };

  void on_request(Frames& frames, int64_t now_ns);
  void start_due(const Store& store, int64_t now_ns);
  void set_slow_aside(int64_t now_ns);
  void look_at_slow(int64_t now_ns);
  Progress advance(Stream& stream, int64_t now_ns);
  void end(std::list<Stream>& streams, std::list<Stream>::iterator stream);
  Sent send_entry(const Stream& stream);
  Sent send_end(const Stream& stream);

  zmq::socket_t router_;
  Limits limits_;
  int64_t hold_ns_;
  std::string properties_;
  std::deque<Request> waiting_;
  std::list<Stream> streams_;                   // that take what they are sent; the next to be served in front
  std::list<Stream> slow_;                      // set aside, the longest in front
  std::unordered_set<std::string> identities_;  // of all three
  bool blocked_ = false;                        // none of streams_ could go on
  int64_t next_slow_look_ns_ = 0;
  SnapshotCounters counters_;
};

}  // namespace tapedeck::clone
