// A pcap file (nanoseconds, little-endian, Ethernet) of UDP packets to the multicast group 233.252.0.1:26400 (RFC 6676,
// MCAST-TEST-NET), with every checksum right. Payloads are made in place in the buffer that is written, so a packet is
// never copied. Owns the file; one thread; allocates once, 4 MiB.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/core/file.h"
#include "engine/core/types.h"

namespace tapedeck::synth {

class UdpPcap {
 public:
  static constexpr size_t kPayloadBytesMax = 1400;
  static constexpr size_t kFrameHeadBytes = 14 + 20 + 8;  // Ethernet, IPv4, UDP

  // Refuses a file that exists.
  [[nodiscard]] static core::Result<UdpPcap> create(const std::filesystem::path& path);

  // Room for the payload of the next packet, kPayloadBytesMax bytes; good until the next add().
  [[nodiscard]] std::byte* payload() { return buffer_.data() + used_ + kHeadBytes; }
  // Completes the packet whose first `payload_bytes` bytes of payload have been written.
  [[nodiscard]] core::Status add(size_t payload_bytes, core::Nanos capture_time);
  // Writes what is left. The file is whole only after it.
  [[nodiscard]] core::Status close();

  [[nodiscard]] uint64_t packets() const { return packets_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_written_ + used_; }

 private:
  static constexpr size_t kHeadBytes = 16 + kFrameHeadBytes;  // of the record and of the frame
  static constexpr size_t kBufferBytes = 4u << 20;

  explicit UdpPcap(core::File file);
  [[nodiscard]] core::Status flush();

  core::File file_;
  std::vector<std::byte> buffer_;
  size_t used_;  // of buffer_
  uint64_t packets_ = 0;
  uint64_t bytes_written_ = 0;
};

}  // namespace tapedeck::synth
