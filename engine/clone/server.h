// The server of the Clone cache (docs/clone-protocol.md): one thread that puts the updates of all clients into one
// order and one table, publishes them, and sends snapshots without stopping for it. Malformed messages are dropped and
// counted.
#pragma once

#include <memory>
#include <string>

#include "engine/clone/snapshots.h"
#include "engine/clone/store.h"
#include "engine/clone/subtrees.h"
#include "engine/core/clock.h"

namespace tapedeck::clone {

// How updates come: SUB as in RFC 12, PULL as in the Guide's third model.
enum class Collector { kSub, kPull };

struct ServerOptions {
  std::string host = "127.0.0.1";  // the address of an interface, or "*"
  uint16_t port = 0;  // snapshots; updates go out at the next one and come in at the one after; 0: three free ones
  Collector collector = Collector::kSub;
  Limits limits = {};
  int64_t hold_ns = 50'000'000;  // between request and snapshot, for clients that subscribe and ask at once
  int backlog = 10'000;          // updates that wait for one subscriber; beyond them it gets a hole
};

struct ServerCounters {
  uint64_t updates = 0;  // from clients, applied
  uint64_t expired = 0;
  uint64_t repeated = 0;                   // updates whose UUID came before
  uint64_t refused = 0;                    // by a limit
  std::array<uint64_t, kFaults> faults{};  // malformed updates, by Fault
  SnapshotCounters snapshots;
};

class Server {
 public:
  // Binds. Fails where a port is taken, the host is no address of this machine, or the limit of values is above
  // kValueBytesMax. `clock` must outlive the server.
  [[nodiscard]] static core::Result<std::unique_ptr<Server>> bind(const ServerOptions& options,
                                                                  const core::Clock& clock = core::system_clock());

  // Serves until `stop`. On the calling thread; once.
  void run(const core::StopFlag& stop);

  [[nodiscard]] uint16_t port() const { return port_; }
  // Not while run() is under way on another thread.
  [[nodiscard]] ServerCounters counters() const;
  [[nodiscard]] const Store& store() const { return store_; }

 private:
  struct Sockets {
    zmq::socket_t router;
    zmq::socket_t publisher;
    zmq::socket_t collector;
    uint16_t port = 0;
  };
  static core::Result<Sockets> open(zmq::context_t& context, const ServerOptions& options);
  static core::Result<Sockets> open_at(zmq::context_t& context, const ServerOptions& options, uint16_t port);
  Server(const ServerOptions& options, const core::Clock& clock, std::unique_ptr<zmq::context_t> context,
         Sockets sockets);

  void wait(int64_t now_ns);
  void take_subscriptions(int64_t now_ns);
  void on_subscription(std::string_view message, int64_t now_ns);
  void take_updates(int64_t now_ns);
  void on_update(Frames& frames, int64_t now_ns);
  std::string_view published_properties(std::string_view key, std::string_view properties_of_client);
  void refuse(std::string_view uuid, std::string_view why, int64_t now_ns);
  void answer(std::string_view uuid, const std::string& property, int64_t now_ns);
  void expire(int64_t now_ns);
  void beat(int64_t now_ns);
  void publish_heartbeat(std::string_view uuid, const std::string& more);

  const core::Clock& clock_;
  std::unique_ptr<zmq::context_t> context_;
  uint16_t port_;
  zmq::socket_t publisher_;  // XPUB: it tells of subscriptions
  zmq::socket_t collector_;
  std::string instance_;    // as a property
  std::string about_;       // properties: that, and limits
  std::string properties_;  // of the last update
  Snapshots snapshots_;
  Store store_;
  Subtrees subtrees_;
  int64_t next_beat_ns_ = 0;
  int64_t next_prompt_beat_ns_ = 0;  // not before, for those who have just subscribed
  int64_t answers_since_ns_ = 0;     // start of the second for which answers_ counts
  int answers_ = 0;
  bool busy_ = false;  // something came: more may have
  ServerCounters counters_;
};

}  // namespace tapedeck::clone
