// Endpoints as users write them, checked before a socket sees them. Replays bind them, subscribers connect to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/topology/plan.h"

namespace tapedeck::transport {

enum class Scheme { kTcp, kIpc, kInproc, kPgm, kEpgm, kUdp };

struct Endpoint {
  Scheme scheme = Scheme::kTcp;
  std::string host{};  // tcp: name or address, "*" for all; IPv6 in brackets. Multicast: the group, an IPv4 address
  std::string port{};  // tcp: 0 to 65535; 0 or "*" takes a free one when bound. Multicast: 1 to 65535
  std::string path{};  // ipc: of the socket file, absolute; inproc: the name
  std::string nic{};   // name or IPv4 address of the interface to use. Multicast: empty for its shard's; tcp: for any

  [[nodiscard]] std::string text() const;  // as users write it
  [[nodiscard]] bool is_multicast() const {
    return scheme == Scheme::kPgm || scheme == Scheme::kEpgm || scheme == Scheme::kUdp;
  }
};

// "tcp://HOST:PORT[@NIC]", "ipc://PATH", "inproc://NAME", or "pgm://GROUP:PORT[@NIC]" and the same with epgm or udp;
// ZeroMQ's own "pgm://NIC;GROUP:PORT" too. Whether there is such a NIC is not looked at. Fails (kUsage) with what is
// wrong and an example.
[[nodiscard]] core::Result<Endpoint> parse_endpoint(std::string_view text);

// One or more, separated by commas: of the shards of a replay, in order.
[[nodiscard]] core::Result<std::vector<Endpoint>> parse_endpoints(std::string_view list);

// Fails (kUsage) where two of these shards use PGM on one port: their receivers on one host would hear both.
[[nodiscard]] core::Status check_ports(const std::vector<Endpoint>& shards);

// `count` endpoints from `first` on: tcp ports or udp ports that follow each other, or any, where that is what it
// names; for ipc "PATH-1" and so on behind PATH. Ports beyond 65535 are left out.
[[nodiscard]] std::vector<Endpoint> neighbours(const Endpoint& first, size_t count);

// Gives multicast shards that name no NIC those of these places, in turn. Where there is none, settle() fails.
void take_nics(std::vector<Endpoint>& shards, const std::vector<topology::ShardPlace>& places);

// Whether an endpoint, as a user wrote it, is inproc: for threads of one process only.
[[nodiscard]] bool is_within_process(std::string_view endpoint);

// Where the session channel of a replay on `data` listens: a free port of the same host (of multicast: of its
// interface), a socket file beside it, or a name of its own.
[[nodiscard]] Endpoint session_endpoint_for(const Endpoint& data);

// Fails if a live program listens on an ipc path already; ZeroMQ itself would take the path away from it.
[[nodiscard]] core::Status check_free(const Endpoint& endpoint);

}  // namespace tapedeck::transport
