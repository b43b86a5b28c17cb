// Takes a pcap file of MoldUDP64 packets apart, by the public descriptions of the formats and with nothing of what
// wrote it. Fails the test where the bytes do not add up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes.h"

namespace tapedeck::synth {

struct MoldPacket {
  uint64_t capture_ns = 0;
  core::Bytes ethernet;  // the whole frame
  core::Bytes ip;
  core::Bytes udp;
  core::Bytes mold;  // the payload
  std::string session;
  uint64_t sequence = 0;
  uint16_t count = 0;  // as stated
  std::vector<core::Bytes> messages;
};

// The packets point into `file`.
[[nodiscard]] std::vector<MoldPacket> read_mold_pcap(std::string_view file);
[[nodiscard]] std::vector<core::Bytes> messages_of(const std::vector<MoldPacket>& packets);

}  // namespace tapedeck::synth
