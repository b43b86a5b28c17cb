#include "tools/synth/udp_pcap.h"

#include <array>
#include <cstring>

#include "engine/core/bytes.h"
#include "engine/core/durations.h"

namespace tapedeck::synth {
namespace {

using core::store_be;
using core::store_le;

constexpr size_t kIpAt = 14;
constexpr size_t kUdpAt = kIpAt + 20;

constexpr std::array<uint8_t, 24> kFileHead = {0x4d, 0x3c, 0xb2, 0xa1,              // nanoseconds, little-endian
                                               2,    0,    4,    0,                 // version 2.4
                                               0,    0,    0,    0,    0, 0, 0, 0,  // UTC; no accuracy given
                                               0,    0,    1,    0,                 // packets are kept up to 64 KiB
                                               1,    0,    0,    0};                // Ethernet

constexpr std::array<uint8_t, UdpPcap::kFrameHeadBytes> kFrameHead = {
    0x01, 0x00, 0x5e, 0x7c, 0x00, 0x01,  // multicast address of 233.252.0.1 (RFC 1112)
    0x02, 0x00, 0x00, 0x00, 0x00, 0x01,  // a local address
    0x08, 0x00,                          // IPv4
    0x45, 0x00, 0x00, 0x00,              // 20 bytes of header; total length
    0x00, 0x00, 0x40, 0x00,              // identification; do not fragment
    0x10, 0x11, 0x00, 0x00,              // 16 hops; UDP; checksum
    192,  0,    2,    1,                 // from 192.0.2.1 (RFC 5737, TEST-NET-1)
    233,  252,  0,    1,                 //
    0x67, 0x20, 0x67, 0x20,              // port 26400, both
    0x00, 0x00, 0x00, 0x00};             // length; checksum

// The one's complement sum of RFC 1071, as it stands in memory: little-endian words give the big-endian sum with its
// bytes swapped, which is how it is stored. `sum` is what was added before; a last byte alone counts as followed by 0.
uint64_t add_words(core::Bytes bytes, uint64_t sum) {
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) sum += core::load_le<uint32_t>(bytes.data() + at);
  uint32_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  return sum + rest;
}

uint16_t checksum(uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void stamp_ip(std::byte* ip, size_t ip_bytes, uint64_t packet) {
  store_be(ip + 2, static_cast<uint16_t>(ip_bytes));
  store_be(ip + 4, static_cast<uint16_t>(packet));
  store_le(ip + 10, checksum(add_words({ip, 20}, 0)));
}

// After stamp_ip. The checksum covers the addresses, the protocol and the length too (RFC 768).
void stamp_udp(std::byte* ip, std::byte* udp, size_t udp_bytes) {
  const auto length = static_cast<uint16_t>(udp_bytes);
  store_be(udp + 4, length);
  const uint64_t pseudo_header = add_words({ip + 12, 8}, 0) + core::byte_swap(length) + core::byte_swap(uint16_t{17});
  const uint16_t sum = checksum(add_words({udp, udp_bytes}, pseudo_header));
  store_le<uint16_t>(udp + 6, sum == 0 ? 0xffff : sum);  // 0 would say that there is none
}

}  // namespace

core::Result<UdpPcap> UdpPcap::create(const std::filesystem::path& path) {
  TD_ASSIGN(core::File file, core::File::open(path, core::File::Mode::kCreate));
  return UdpPcap(std::move(file));
}

UdpPcap::UdpPcap(core::File file) : file_(std::move(file)), buffer_(kBufferBytes), used_(kFileHead.size()) {
  std::memcpy(buffer_.data(), kFileHead.data(), kFileHead.size());
}

core::Status UdpPcap::add(size_t payload_bytes, core::Nanos capture_time) {
  TD_CHECK(payload_bytes <= kPayloadBytesMax);
  std::byte* const record = buffer_.data() + used_;
  std::byte* const frame = record + 16;
  const size_t frame_bytes = kFrameHeadBytes + payload_bytes;
  store_le(record, static_cast<uint32_t>(capture_time.value / core::kSecond_ns));
  store_le(record + 4, static_cast<uint32_t>(capture_time.value % core::kSecond_ns));
  store_le(record + 8, static_cast<uint32_t>(frame_bytes));
  store_le(record + 12, static_cast<uint32_t>(frame_bytes));
  std::memcpy(frame, kFrameHead.data(), kFrameHead.size());
  stamp_ip(frame + kIpAt, frame_bytes - kIpAt, packets_);
  stamp_udp(frame + kIpAt, frame + kUdpAt, frame_bytes - kUdpAt);
  ++packets_;
  used_ += 16 + frame_bytes;
  return buffer_.size() - used_ < kHeadBytes + kPayloadBytesMax ? flush() : core::Status{};
}

core::Status UdpPcap::close() {
  TD_TRY(flush());
  return file_.close();
}

core::Status UdpPcap::flush() {
  TD_TRY(file_.append({buffer_.data(), used_}));
  bytes_written_ += used_;
  used_ = 0;
  return {};
}

}  // namespace tapedeck::synth
