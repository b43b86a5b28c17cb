// What a multicast line is made of, as users set it and as it comes out: rates, memory, packets. The defaults follow
// from the network interface; every figure can be told (`sentence`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/core/status.h"
#include "engine/topology/topology.h"
#include "engine/transport/endpoint.h"

namespace tapedeck::transport {

// Of a line's rate: what a sender that was late may send at once.
inline constexpr int64_t kSendBurst_ns = 1'000'000;

inline constexpr unsigned kUdpHeaders = 20 + 8;  // bytes: IPv4, UDP

// As users give it. None: computed.
struct MulticastOptions {
  std::optional<uint64_t> rate_bit_per_s{};  // of the packets of one line, with their headers, at most; by default that
                                             // of the interface, 1 Gb/s if unknown
  std::optional<int64_t> recovery_ns{};      // pgm: for how long what was sent can be sent again
  std::optional<unsigned> mtu_bytes{};       // of IP packets; by default the interface's
  std::optional<unsigned> message_bytes{};   // pgm: of a message; by default 8 KiB, which is the most
  unsigned hops = 1;                         // routers that may pass it on, plus one (TTL); 1 to 255
  std::optional<uint64_t> buffer_bytes{};    // of the socket
};

// As it comes out for one endpoint.
struct MulticastSettings {
  Scheme scheme = Scheme::kUdp;
  std::string group{};  // IPv4 address
  std::string port{};
  std::string nic{};         // its name
  std::string interface {};  // its IPv4 address
  uint64_t rate_bit_per_s = 0;
  unsigned mtu_bytes = 0;
  unsigned datagram_bytes = 0;  // of the largest message (pgm) or UDP payload
  unsigned hops = 1;
  uint64_t buffer_bytes = 0;
  int64_t recovery_ns = 0;    // pgm
  uint64_t window_bytes = 0;  // pgm: what can be sent again: rate times recovery

  [[nodiscard]] std::string sentence() const;  // all of it, for people
};

// Fails (kUsage) with what is wrong and what to do: no such interface, or it is down, without an IPv4 address or
// without multicast; a rate above its speed; an MTU beyond its own or too small; messages too large.
[[nodiscard]] core::Result<MulticastSettings> settle(const Endpoint& endpoint, const MulticastOptions& options);
// The same, of an endpoint on this interface.
[[nodiscard]] core::Result<MulticastSettings> settle_on(const topology::Nic& nic, const Endpoint& endpoint,
                                                        const MulticastOptions& options);

}  // namespace tapedeck::transport
