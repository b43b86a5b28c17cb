#include "engine/feed/packet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace tapedeck::feed {
namespace {

constexpr uint16_t kIpv4EtherType = 0x0800;
constexpr uint16_t kIpv6EtherType = 0x86dd;
constexpr size_t kUdpHeaderSize = 8;

// Protocol numbers of IPv4 and next headers of IPv6 (IANA "Assigned Internet Protocol Numbers").
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kIcmp = 1;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragment = 44;
constexpr uint8_t kIcmpV6 = 58;
constexpr uint8_t kOptions = 60;

struct Frame {
  Bytes bytes;
  size_t original_size;

  [[nodiscard]] size_t left(size_t at) const { return at < bytes.size() ? bytes.size() - at : 0; }
  [[nodiscard]] const std::byte* at(size_t offset) const { return bytes.data() + offset; }
  [[nodiscard]] uint8_t u8(size_t offset) const { return static_cast<uint8_t>(bytes[offset]); }
  [[nodiscard]] uint16_t u16(size_t offset) const { return core::load_be<uint16_t>(at(offset)); }
  // Why bytes are missing that should be there.
  [[nodiscard]] Skip too_short() const { return bytes.size() < original_size ? Skip::kCut : Skip::kMalformed; }
};

bool is_vlan(uint16_t ether_type) { return ether_type == 0x8100 || ether_type == 0x88a8 || ether_type == 0x9100; }

Skip skip_of(uint8_t ip_protocol) {
  switch (ip_protocol) {
    case kUdp: return Skip::kNone;
    case kTcp: return Skip::kTcp;
    case kIcmp:
    case kIcmpV6: return Skip::kIcmp;
    default: return Skip::kOtherIp;
  }
}

// `declared` is the size of the IP payload by the IP header.
Skip read_udp(const Frame& frame, size_t at, size_t declared, UdpPacket& packet) {
  const size_t present = std::min(declared, frame.left(at));
  if (declared < kUdpHeaderSize) return Skip::kMalformed;
  if (present < kUdpHeaderSize) return frame.too_short();
  packet.flow.source_port = frame.u16(at);
  packet.flow.destination_port = frame.u16(at + 2);
  size_t size = frame.u16(at + 4);
  if (size == 0) size = declared;  // a jumbogram, or filled in later by the network card
  if (size < kUdpHeaderSize) return Skip::kMalformed;
  packet.cut = size > present;
  packet.payload = frame.bytes.subspan(at + kUdpHeaderSize, std::min(size, present) - kUdpHeaderSize);
  return Skip::kNone;
}

Skip read_ipv4(const Frame& frame, size_t at, UdpPacket& packet) {
  if (frame.left(at) < 20) return frame.too_short();
  const size_t head_size = (frame.u8(at) & 0x0fu) * 4;
  if (frame.u8(at) >> 4 != 4 || head_size < 20) return Skip::kMalformed;
  if (const Skip skip = skip_of(frame.u8(at + 9)); skip != Skip::kNone) return skip;
  if ((frame.u16(at + 6) & 0x3fff) != 0) return Skip::kIpFragment;  // more to come, or an offset
  size_t size = frame.u16(at + 2);
  if (size == 0) size = frame.original_size - at;  // segmentation offload leaves it out
  if (size < head_size) return Skip::kMalformed;
  packet.flow.ip_version = 4;
  packet.flow.source = {core::load_le<uint32_t>(frame.at(at + 12)), 0};
  packet.flow.destination = {core::load_le<uint32_t>(frame.at(at + 16)), 0};
  return read_udp(frame, at + head_size, size - head_size, packet);
}

// Walks the extension headers from `at`, of which the first is a `next`, to the UDP header.
Skip read_ipv6_payload(const Frame& frame, size_t at, size_t end, uint8_t next, UdpPacket& packet) {
  while (next == kHopByHop || next == kRouting || next == kOptions || next == kFragment) {
    if (frame.left(at) < 8) return frame.too_short();
    // A fragment header without offset and with nothing to follow is a whole packet (RFC 6946).
    if (next == kFragment && (frame.u16(at + 2) & 0xfff9) != 0) return Skip::kIpFragment;
    next = frame.u8(at);
    at += next == kFragment ? 8 : (frame.u8(at + 1) + 1u) * 8;
  }
  if (const Skip skip = skip_of(next); skip != Skip::kNone) return skip;
  if (at > end) return Skip::kMalformed;
  return read_udp(frame, at, end - at, packet);
}

Skip read_ipv6(const Frame& frame, size_t at, UdpPacket& packet) {
  constexpr size_t kIpv6HeadSize = 40;
  if (frame.left(at) < kIpv6HeadSize) return frame.too_short();
  if (frame.u8(at) >> 4 != 6) return Skip::kMalformed;
  size_t size = frame.u16(at + 4);
  if (size == 0) size = frame.original_size - at - kIpv6HeadSize;  // a jumbogram, or offload
  packet.flow.ip_version = 6;
  std::memcpy(packet.flow.source.data(), frame.at(at + 8), 16);
  std::memcpy(packet.flow.destination.data(), frame.at(at + 24), 16);
  return read_ipv6_payload(frame, at + kIpv6HeadSize, at + kIpv6HeadSize + size, frame.u8(at + 6), packet);
}

// `at` is the place of the EtherType, `next` that of what it announces.
Skip read_ether_type(const Frame& frame, size_t at, size_t next, UdpPacket& packet) {
  if (frame.left(at) < 2) return frame.too_short();
  uint16_t type = frame.u16(at);
  while (is_vlan(type)) {
    if (frame.left(next) < 4) return frame.too_short();
    type = frame.u16(next + 2);
    next += 4;
  }
  if (type == kIpv4EtherType) return read_ipv4(frame, next, packet);
  if (type == kIpv6EtherType) return read_ipv6(frame, next, packet);
  return Skip::kNotIp;
}

Skip read_ip_of_any_version(const Frame& frame, size_t at, UdpPacket& packet) {
  if (frame.left(at) < 1) return frame.too_short();
  const unsigned version = frame.u8(at) >> 4;
  if (version == 4) return read_ipv4(frame, at, packet);
  if (version == 6) return read_ipv6(frame, at, packet);
  return Skip::kNotIp;
}

}  // namespace

Skip find_udp(uint32_t link_type, Bytes bytes, size_t original_size, UdpPacket& packet) {
  const Frame frame{bytes, std::max(original_size, bytes.size())};
  switch (static_cast<LinkType>(link_type)) {
    case LinkType::kEthernet: return read_ether_type(frame, 12, 14, packet);
    case LinkType::kLinuxSll: return read_ether_type(frame, 14, 16, packet);
    case LinkType::kLinuxSll2: return read_ether_type(frame, 0, 20, packet);
    case LinkType::kNull:
    case LinkType::kLoop: return read_ip_of_any_version(frame, 4, packet);
    case LinkType::kRaw:
    case LinkType::kRawInFile:
    case LinkType::kIpv4:
    case LinkType::kIpv6: return read_ip_of_any_version(frame, 0, packet);
  }
  return Skip::kLinkType;
}

std::string_view skip_name(Skip skip) {
  switch (skip) {
    case Skip::kNone: return "none";
    case Skip::kLinkType: return "link_type";
    case Skip::kNotIp: return "not_ip";
    case Skip::kTcp: return "tcp";
    case Skip::kIcmp: return "icmp";
    case Skip::kOtherIp: return "other_ip";
    case Skip::kIpFragment: return "ip_fragment";
    case Skip::kCut: return "cut";
    case Skip::kMalformed: return "malformed";
  }
  return "unknown";
}

std::string destination_text(const FlowKey& flow) {
  char text[INET6_ADDRSTRLEN] = "?";
  const bool v6 = flow.ip_version == 6;
  inet_ntop(v6 ? AF_INET6 : AF_INET, flow.destination.data(), text, sizeof text);
  return v6 ? fmt::format("[{}]:{}", text, flow.destination_port) : fmt::format("{}:{}", text, flow.destination_port);
}

DestinationKey::DestinationKey(const FlowKey& flow) {
  const size_t address_size = flow.ip_version == 6 ? 16 : 4;
  std::memcpy(bytes_.data(), flow.destination.data(), address_size);
  core::store_be(bytes_.data() + address_size, flow.destination_port);
  size_ = address_size + sizeof flow.destination_port;
}

}  // namespace tapedeck::feed
