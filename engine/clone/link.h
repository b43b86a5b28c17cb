// A client's three sockets to one server. Never blocks; for the client's thread.
#pragma once

#include <string>

#include "engine/clone/frames.h"
#include "engine/clone/server.h"

namespace tapedeck::clone {

struct Address {
  std::string host;
  uint16_t port = 0;  // of snapshots
};
// "HOST:PORT", or "PORT" on this host.
[[nodiscard]] core::Result<Address> parse_address(std::string_view text);

class Link {
 public:
  // Connects, and subscribes to the subtree and then to heartbeats: whoever gets a heartbeat will get every update.
  [[nodiscard]] static core::Result<Link> connect(zmq::context_t& context, const Address& server,
                                                  const std::string& subtree, Collector collector);

  // Asks for a snapshot on a connection of its own, so that nothing of an earlier answer comes between.
  [[nodiscard]] core::Status ask(const std::string& subtree);
  // On the same connection: a server where the first request still waits drops this one.
  void ask_again(const std::string& subtree);
  void end_snapshot() { dealer_.close(); }

  // Takes what the collector's socket has to tell. Whether the server listens to updates, as far as can be known.
  [[nodiscard]] bool can_send();
  // False if there is no room for it now.
  [[nodiscard]] bool send(const Message& update);

  [[nodiscard]] zmq::socket_t& updates() { return sub_; }
  [[nodiscard]] zmq::socket_t& snapshot() { return dealer_; }  // closed unless one was asked for
  [[nodiscard]] zmq::socket_t& collector() { return up_; }

 private:
  zmq::context_t* context_ = nullptr;
  Address server_;
  zmq::socket_t sub_;
  zmq::socket_t dealer_;
  zmq::socket_t up_;  // XPUB to a SUB, for it tells when that has subscribed; PUSH to a PULL
  bool subscribed_ = false;
};

}  // namespace tapedeck::clone
