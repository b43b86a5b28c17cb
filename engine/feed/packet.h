// Finds the UDP datagram in a captured frame: link layer (Ethernet with any stack of VLAN tags, Linux cooked 1 and 2,
// BSD loopback, bare IP), then IPv4 or IPv6, then UDP. Pure functions over the bytes of the frame, which the result
// points into; safe from every thread, about 10 ns, no allocation. Lengths in the frame are never believed beyond its
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/bytes.h"

namespace tapedeck::feed {

using core::Bytes;

// Link types that are understood, by libpcap's numbers (tcpdump.org/linktypes.html).
enum class LinkType : uint32_t {
  kNull = 0,
  kEthernet = 1,
  kRaw = 12,  // 101 in files
  kRawInFile = 101,
  kLoop = 108,
  kLinuxSll = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxSll2 = 276,
};

// Who sends to whom. Addresses stand as in the packet, an IPv4 address in the first four bytes.
struct FlowKey {
  std::array<uint64_t, 2> source{};
  std::array<uint64_t, 2> destination{};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t ip_version = 4;  // 4 or 6

  // By words: an array's own comparison is a call.
  bool operator==(const FlowKey& other) const {
    return source[0] == other.source[0] && source[1] == other.source[1] && destination[0] == other.destination[0] &&
           destination[1] == other.destination[1] && source_port == other.source_port &&
           destination_port == other.destination_port && ip_version == other.ip_version;
  }
};

// "239.1.2.3:5000", "[ff02::1]:5000".
[[nodiscard]] std::string destination_text(const FlowKey& flow);

// The destination as an order key: address and port as they stand in the packet.
class DestinationKey {
 public:
  explicit DestinationKey(const FlowKey& flow);
  [[nodiscard]] Bytes bytes() const { return Bytes(bytes_).first(size_); }

 private:
  std::array<std::byte, 18> bytes_{};
  size_t size_;
};

struct UdpPacket {
  FlowKey flow;
  Bytes payload;
  bool cut = false;  // the datagram had more payload than the frame holds
};

// Why a frame has no UDP payload to give.
enum class Skip : uint8_t {
  kNone,
  kLinkType,  // a link layer that is not understood
  kNotIp,     // ARP, LLDP, ...
  kTcp,
  kIcmp,        // of either version
  kOtherIp,     // IGMP, GRE, ...
  kIpFragment,  // fragments are not put together again
  kCut,         // captured so short that the UDP header is missing
  kMalformed,   // lengths that cannot be
};
inline constexpr size_t kSkipCount = 9;
[[nodiscard]] std::string_view skip_name(Skip skip);  // "link_type", "not_ip", ...

// `original_size` is the frame's size on the wire, of which `frame` may be only the first part.
[[nodiscard]] Skip find_udp(uint32_t link_type, Bytes frame, size_t original_size, UdpPacket& packet);

}  // namespace tapedeck::feed
