#include "engine/feed/packet.h"

#include <gtest/gtest.h>

#include "tests/engine/feed/wire.h"

namespace tapedeck::feed {
namespace {

constexpr auto kEthernet = static_cast<uint32_t>(LinkType::kEthernet);
constexpr std::string_view kPayload = "a message";

struct Found {
  Skip skip = Skip::kNone;
  std::string payload;
  std::string destination;
  bool cut = false;
  bool operator==(const Found&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Found& found) {
  return out << skip_name(found.skip) << " \"" << found.payload << "\" to " << found.destination
             << (found.cut ? ", cut" : "");
}

Found skipped(Skip skip) { return {.skip = skip, .payload = "", .destination = ""}; }
Found found(std::string_view payload, bool cut = false) {
  return {.skip = Skip::kNone, .payload = std::string(payload), .destination = "239.1.2.3:5000", .cut = cut};
}

Found find(uint32_t link_type, std::string_view frame, size_t original_size) {
  UdpPacket packet;
  const Skip skip = find_udp(link_type, core::as_bytes(frame), original_size, packet);
  if (skip != Skip::kNone) return skipped(skip);
  return {skip, std::string(core::as_text(packet.payload)), destination_text(packet.flow), packet.cut};
}

Found find(LinkType link_type, std::string_view frame) {
  return find(static_cast<uint32_t>(link_type), frame, frame.size());
}
Found find(std::string_view frame) { return find(LinkType::kEthernet, frame); }

const std::string kIp = wire::ipv4(wire::udp(kPayload));

TEST(FindUdp, FindsThePayloadInAnEthernetFrame) { EXPECT_EQ(find(wire::ethernet(kIp)), found(kPayload)); }

TEST(FindUdp, PassesOverVlanTagsHoweverManyAreStacked) {
  const std::string tagged = wire::ethernet(wire::be(141, 2) + wire::be(0x0800, 2) + kIp, 0x8100);
  const std::string stacked = wire::ethernet(wire::be(7, 2) + wire::be(0x8100, 2) + wire::be(8, 2) +
                                                 wire::be(0x8100, 2) + wire::be(9, 2) + wire::be(0x0800, 2) + kIp,
                                             0x88a8);
  EXPECT_EQ(find(tagged), found(kPayload));
  EXPECT_EQ(find(stacked), found(kPayload));
}

TEST(FindUdp, ReadsEveryLinkLayerThatItKnows) {
  const std::string sll = wire::be(0, 14) + wire::be(0x0800, 2);
  const std::string sll_vlan = wire::be(0, 14) + wire::be(0x8100, 2) + wire::be(5, 2) + wire::be(0x0800, 2);
  const std::string sll2 = wire::be(0x0800, 2) + wire::be(0, 18);
  EXPECT_EQ(find(LinkType::kLinuxSll, sll + kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kLinuxSll, sll_vlan + kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kLinuxSll2, sll2 + kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kNull, wire::le(2, 4) + kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kLoop, wire::be(2, 4) + kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kRaw, kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kRawInFile, kIp), found(kPayload));
  EXPECT_EQ(find(LinkType::kIpv4, kIp), found(kPayload));
  EXPECT_EQ(find(147, kIp, kIp.size()), skipped(Skip::kLinkType));
}

TEST(FindUdp, ReadsIpv6BehindExtensionHeaders) {
  Found expected = found(kPayload);
  expected.destination = "[ff02::9]:5000";
  const std::string datagram = wire::udp(kPayload);
  EXPECT_EQ(find(wire::ethernet(wire::ipv6(datagram), 0x86dd)), expected);
  EXPECT_EQ(find(LinkType::kIpv6, wire::ipv6(datagram)), expected);
  // hop by hop (8 bytes), then destination options (16 bytes), then a fragment header of a whole packet
  const std::string options = wire::be(60, 1) + wire::be(0, 7) + wire::be(44, 1) + wire::be(1, 1) + wire::be(0, 14);
  const std::string atomic = wire::be(17, 1) + wire::be(0, 7);
  EXPECT_EQ(find(LinkType::kIpv6, wire::ipv6(options + atomic + datagram, 0)), expected);
}

TEST(FindUdp, SkipsWhatIsNotUdpAndSaysWhatItIs) {
  EXPECT_EQ(find(wire::ethernet("arp", 0x0806)), skipped(Skip::kNotIp));
  EXPECT_EQ(find(wire::ethernet(wire::ipv4("segment", 6))), skipped(Skip::kTcp));
  EXPECT_EQ(find(wire::ethernet(wire::ipv4("ping", 1))), skipped(Skip::kIcmp));
  EXPECT_EQ(find(wire::ethernet(wire::ipv6("ping", 58), 0x86dd)), skipped(Skip::kIcmp));
  EXPECT_EQ(find(wire::ethernet(wire::ipv4("join", 2))), skipped(Skip::kOtherIp));
  EXPECT_EQ(find(LinkType::kRaw, "\x50no version of IP"), skipped(Skip::kNotIp));
}

TEST(FindUdp, SkipsFragmentsOfBothVersions) {
  const std::string datagram = wire::udp(kPayload);
  EXPECT_EQ(find(wire::ethernet(wire::ipv4(datagram, 17, 1, 0x2000))), skipped(Skip::kIpFragment)) << "more to come";
  EXPECT_EQ(find(wire::ethernet(wire::ipv4(datagram, 17, 1, 0x0003))), skipped(Skip::kIpFragment)) << "an offset";
  EXPECT_EQ(find(wire::ethernet(wire::ipv4(datagram, 17, 0xef010203, 0x4000))), found(kPayload)) << "don't fragment";
  const std::string more = wire::be(17, 1) + wire::be(0, 1) + wire::be(1, 2) + wire::be(0, 4);
  EXPECT_EQ(find(LinkType::kIpv6, wire::ipv6(more + datagram, 44)), skipped(Skip::kIpFragment));
}

TEST(FindUdp, LeavesEthernetPaddingOut) {
  EXPECT_EQ(find(wire::ethernet(kIp) + std::string(20, '\0')), found(kPayload));
}

TEST(FindUdp, TakesTheRestOfTheFrameWhereOffloadLeftLengthsAtZero) {
  std::string offloaded = wire::ethernet(kIp);
  offloaded.replace(16, 2, wire::be(0, 2));  // total length of IP
  offloaded.replace(38, 2, wire::be(0, 2));  // length of UDP
  EXPECT_EQ(find(offloaded), found(kPayload));
}

TEST(FindUdp, GivesWhatIsThereOfACutPayload) {
  const std::string whole = wire::ethernet(kIp);
  const std::string_view cut = std::string_view(whole).substr(0, whole.size() - 2);
  EXPECT_EQ(find(kEthernet, cut, whole.size()), found("a messa", true));
  const std::string_view heads_only = std::string_view(whole).substr(0, whole.size() - kPayload.size());
  EXPECT_EQ(find(kEthernet, heads_only, whole.size()), found("", true));
}

TEST(FindUdp, TakesADatagramThatIsLongerThanItsPacketForCut) {
  std::string forged = wire::ethernet(kIp);
  forged.replace(38, 2, wire::be(1000, 2));
  EXPECT_EQ(find(forged), found(kPayload, true));
}

TEST(FindUdp, TellsACutFrameFromAMalformedOne) {
  const std::string whole = wire::ethernet(kIp);
  for (size_t size = 0; size < whole.size() - kPayload.size(); ++size) {
    const std::string_view part = std::string_view(whole).substr(0, size);
    EXPECT_EQ(find(kEthernet, part, whole.size()), skipped(Skip::kCut)) << size;
    EXPECT_EQ(find(kEthernet, part, size), skipped(Skip::kMalformed)) << size;
  }
}

TEST(FindUdp, RefusesLengthsThatCannotBe) {
  const auto forged = [](size_t offset, std::string_view bytes) {
    std::string frame = wire::ethernet(kIp);
    frame.replace(offset, bytes.size(), bytes);
    return find(frame);
  };
  EXPECT_EQ(forged(14, "\x44"), skipped(Skip::kMalformed)) << "an IP head of 16 bytes";
  EXPECT_EQ(forged(14, "\x65"), skipped(Skip::kMalformed)) << "version 6 announced as 4";
  EXPECT_EQ(forged(16, wire::be(19, 2)), skipped(Skip::kMalformed)) << "a packet shorter than its head";
  EXPECT_EQ(forged(16, wire::be(27, 2)), skipped(Skip::kMalformed)) << "no room for the UDP head";
  EXPECT_EQ(forged(38, wire::be(7, 2)), skipped(Skip::kMalformed)) << "a datagram shorter than its head";
}

// Every byte set to every value that matters, at every length: nothing may be read outside (the sanitizers look on),
// and what is found lies inside.
TEST(FindUdp, NeverLeavesTheFrameWhateverItsBytesSay) {
  const std::string frames[] = {wire::ethernet(kIp), wire::ethernet(wire::ipv6(wire::udp(kPayload)), 0x86dd),
                                wire::ethernet(wire::be(1, 2) + wire::be(0x0800, 2) + kIp, 0x8100)};
  for (const std::string& whole : frames) {
    for (size_t at = 12; at < whole.size(); ++at) {
      for (const int value : {0, 1, 17, 44, 60, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xff}) {
        std::string forged = whole;
        forged[at] = static_cast<char>(value);
        const std::vector<char> exact(forged.begin(), forged.end());  // on the heap, where reading on is noticed
        UdpPacket packet;
        const core::Bytes bytes = core::as_bytes({exact.data(), exact.size()});
        if (find_udp(kEthernet, bytes, bytes.size(), packet) != Skip::kNone || packet.payload.empty()) continue;
        EXPECT_GE(packet.payload.data(), bytes.data());
        EXPECT_LE(packet.payload.data() + packet.payload.size(), bytes.data() + bytes.size());
      }
    }
  }
}

TEST(FlowKey, DiffersInEveryPartOfTheAddresses) {
  const auto flow = [](std::string_view frame) {
    UdpPacket packet;
    EXPECT_EQ(find_udp(kEthernet, core::as_bytes(frame), frame.size(), packet), Skip::kNone);
    return packet.flow;
  };
  const FlowKey base = flow(wire::ethernet(kIp));
  EXPECT_EQ(base, flow(wire::ethernet(kIp)));
  for (const size_t at : {size_t{12}, size_t{15}, size_t{16}, size_t{19}, size_t{20}, size_t{23}}) {
    std::string other = wire::ethernet(kIp);
    other[14 + at] ^= 0x10;
    EXPECT_NE(base, flow(other)) << "byte " << at << " of the IP packet";
  }
}

TEST(DestinationKey, IsTheAddressAndPortAsTheyStandInThePacket) {
  UdpPacket packet;
  const std::string v4 = wire::ethernet(kIp);
  ASSERT_EQ(find_udp(kEthernet, core::as_bytes(v4), v4.size(), packet), Skip::kNone);
  EXPECT_EQ(core::as_text(DestinationKey(packet.flow).bytes()), wire::be(0xef010203, 4) + wire::be(5000, 2));
  const std::string v6 = wire::ethernet(wire::ipv6(wire::udp(kPayload)), 0x86dd);
  ASSERT_EQ(find_udp(kEthernet, core::as_bytes(v6), v6.size(), packet), Skip::kNone);
  EXPECT_EQ(core::as_text(DestinationKey(packet.flow).bytes()),
            wire::be(0xff02000000000000, 8) + wire::be(9, 8) + wire::be(5000, 2));
}

}  // namespace
}  // namespace tapedeck::feed
