#include "tests/tools/synth/mold_pcap.h"

#include <gtest/gtest.h>

namespace tapedeck::synth {
namespace {

using core::Bytes;
using core::load_be;
using core::load_le;

uint32_t u32_le(Bytes bytes, size_t at) { return load_le<uint32_t>(bytes.subspan(at, 4).data()); }
uint16_t u16_be(Bytes bytes, size_t at) { return load_be<uint16_t>(bytes.subspan(at, 2).data()); }

// The packet's layers, each of which has to say its own length rightly.
void open_layers(MoldPacket& packet) {
  ASSERT_GE(packet.ethernet.size(), 14 + 20 + 8 + 20u);
  ASSERT_EQ(u16_be(packet.ethernet, 12), 0x0800);
  packet.ip = packet.ethernet.subspan(14);
  ASSERT_EQ(packet.ip[0], std::byte{0x45});
  ASSERT_EQ(u16_be(packet.ip, 2), packet.ip.size());
  ASSERT_EQ(packet.ip[9], std::byte{17});
  packet.udp = packet.ip.subspan(20);
  ASSERT_EQ(u16_be(packet.udp, 4), packet.udp.size());
  packet.mold = packet.udp.subspan(8);
  packet.session = core::as_text(packet.mold.first(10));
  packet.sequence = load_be<uint64_t>(packet.mold.data() + 10);
  packet.count = u16_be(packet.mold, 18);
}

void open_blocks(MoldPacket& packet) {
  Bytes rest = packet.mold.subspan(20);
  while (!rest.empty()) {
    ASSERT_GE(rest.size(), 2u);
    const size_t size = u16_be(rest, 0);
    ASSERT_GE(rest.size() - 2, size);
    packet.messages.push_back(rest.subspan(2, size));
    rest = rest.subspan(2 + size);
  }
}

}  // namespace

std::vector<MoldPacket> read_mold_pcap(std::string_view file) {
  std::vector<MoldPacket> packets;
  Bytes rest = core::as_bytes(file);
  const std::string_view head("\x4d\x3c\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\x00\x00\x01\x00\x01\x00\x00\x00", 24);
  EXPECT_TRUE(file.starts_with(head));
  rest = rest.subspan(std::min<size_t>(24, rest.size()));
  while (!rest.empty() && !::testing::Test::HasFatalFailure()) {
    if (rest.size() < 16 || rest.size() - 16 < u32_le(rest, 8)) {
      ADD_FAILURE() << "a record is cut";
      break;
    }
    EXPECT_EQ(u32_le(rest, 8), u32_le(rest, 12));
    EXPECT_LT(u32_le(rest, 4), 1'000'000'000u);
    MoldPacket packet;
    packet.capture_ns = u32_le(rest, 0) * uint64_t{1'000'000'000} + u32_le(rest, 4);
    packet.ethernet = rest.subspan(16, u32_le(rest, 8));
    open_layers(packet);
    if (!::testing::Test::HasFatalFailure()) open_blocks(packet);
    rest = rest.subspan(16 + packet.ethernet.size());
    packets.push_back(std::move(packet));
  }
  return packets;
}

std::vector<Bytes> messages_of(const std::vector<MoldPacket>& packets) {
  std::vector<Bytes> messages;
  for (const MoldPacket& packet : packets) {
    messages.insert(messages.end(), packet.messages.begin(), packet.messages.end());
  }
  return messages;
}

}  // namespace tapedeck::synth
