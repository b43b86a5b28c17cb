#include "tools/synth/itch_pcap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/core/crc32c.h"
#include "engine/core/file.h"
#include "tests/scratch_folder.h"
#include "tests/tools/synth/mold_pcap.h"
#include "tests/tools/synth/order_checker.h"

namespace tapedeck::synth {
namespace {

using core::Bytes;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr uint64_t kMidnight_ns = 1'704'171'600 * kSecond_ns;  // in New York
constexpr uint64_t kOpening_ns = 1'704'205'800 * kSecond_ns;   // 2024-01-02T14:30:00Z

std::string make(const ItchPcapOptions& options) {
  const ScratchFolder folder;
  const core::StopFlag stop;
  const auto report = write_itch_pcap(folder / "s.pcap", options, stop);
  EXPECT_TRUE(report) << report.error().message;
  std::string file = core::read_text_file(folder / "s.pcap").value_or("");
  EXPECT_EQ(report ? report->bytes : 0, file.size());
  return file;
}

uint64_t itch_time(Bytes message) { return core::load_be<uint64_t>(message.data() + 3) & 0xffff'ffff'ffff; }

// The one's complement sum over 16-bit big-endian words: 0xffff where a checksum within is right.
uint32_t internet_sum(Bytes bytes, uint32_t sum = 0) {
  for (size_t at = 0; at < bytes.size(); ++at) sum += static_cast<uint32_t>(bytes[at]) << (at % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

TEST(ItchPcap, SameSeedGivesTheSameBytes) {
  EXPECT_EQ(make({.messages = 50'000, .seed = 7}), make({.messages = 50'000, .seed = 7}));
}

TEST(ItchPcap, AnotherSeedGivesOtherOrdersAtOtherTimes) {
  const std::string files[] = {make({.messages = 1000, .seed = 7}), make({.messages = 1000, .seed = 8})};
  std::string orders[2];
  std::vector<uint64_t> times[2];
  for (size_t i = 0; i < 2; ++i) {
    for (const Bytes message : messages_of(read_mold_pcap(files[i]))) {
      orders[i] += core::as_text(message.subspan(11));
      times[i].push_back(itch_time(message));
    }
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(times[0], times[1]);
}

// Tests of other parts, and people's notes, count on these bytes. A change of them is a change of behaviour: put it in
// the CHANGELOG, and the new number here.
TEST(ItchPcap, GivesTheBytesThatItAlwaysGave) {
  const std::string file = make({.messages = 1000, .seed = 1});
  EXPECT_EQ(file.size(), 45'746u);
  EXPECT_EQ(core::crc32c(core::as_bytes(file)), 0x7124347fu);
}

TEST(ItchPcap, HoldsExactlyTheMessagesAskedFor) {
  for (const uint64_t messages : {5, 6, 24, 25, 999, 1000, 12'345}) {
    const std::string file = make({.messages = messages});
    EXPECT_EQ(messages_of(read_mold_pcap(file)).size(), messages);
  }
}

TEST(ItchPcap, CarriesAnOrderFlowThatABookBuilderAccepts) {
  const std::string file = make({.messages = 100'000, .seed = 3});
  OrderChecker checker;
  for (const Bytes message : messages_of(read_mold_pcap(file))) checker.check(message);
  EXPECT_THAT(checker.complaints(), IsEmpty());
  EXPECT_EQ(checker.names().size(), 1000u);
  EXPECT_GT(checker.live_orders(), 0u);
}

TEST(ItchPcap, TakesFewerSymbolsByItselfWhereThereAreFewMessages) {
  const core::StopFlag stop;
  const ScratchFolder folder;
  EXPECT_EQ(write_itch_pcap(folder / "a", {.messages = 5}, stop)->names, 1u);
  EXPECT_EQ(write_itch_pcap(folder / "b", {.messages = 1000}, stop)->names, 100u);
  EXPECT_EQ(write_itch_pcap(folder / "c", {.messages = 20'000}, stop)->names, 1000u);
}

TEST(ItchPcap, CountsSequencesWithoutAGapUntilTheEndOfTheSession) {
  const std::string file = make({.messages = 20'000, .mean_rate = 100});
  uint64_t next = 1;
  size_t heartbeats = 0, ends = 0;
  const std::vector<MoldPacket> packets = read_mold_pcap(file);
  for (const MoldPacket& packet : packets) {
    EXPECT_EQ(packet.session, "SYNTH00001");
    EXPECT_EQ(packet.sequence, next);
    EXPECT_EQ(packet.messages.size(), packet.count == 0xffff ? 0 : packet.count);
    next += packet.messages.size();
    heartbeats += packet.count == 0 ? 1 : 0;
    ends += packet.count == 0xffff ? 1 : 0;
  }
  EXPECT_EQ(next, 20'001u);
  EXPECT_EQ(heartbeats, 0u);  // at this rate no second is idle
  EXPECT_EQ(ends, 1u);
  EXPECT_EQ(packets.back().count, 0xffff);
}

TEST(ItchPcap, SendsAHeartbeatInEachIdleSecond) {
  const std::string file = make({.messages = 3000, .symbols = 2, .mean_rate = 1});
  const std::vector<MoldPacket> packets = read_mold_pcap(file);
  size_t heartbeats = 0;
  for (size_t i = 1; i < packets.size(); ++i) {
    const uint64_t quiet_ns = packets[i].capture_ns - packets[i - 1].capture_ns;
    EXPECT_LT(quiet_ns, kSecond_ns + 10'000);
    if (packets[i].count != 0) continue;
    ++heartbeats;
    EXPECT_GT(quiet_ns, kSecond_ns - 10'000);
  }
  EXPECT_NEAR(static_cast<double>(heartbeats), 2500, 500);
}

TEST(ItchPcap, AddressesEveryPacketToTheGroupWithRightChecksums) {
  const std::string file = make({.messages = 20'000});
  for (const MoldPacket& packet : read_mold_pcap(file)) {
    ASSERT_EQ(internet_sum(packet.ip.first(20)), 0xffffu);
    const auto udp_size = static_cast<uint32_t>(packet.udp.size());
    ASSERT_EQ(internet_sum(packet.udp, internet_sum(packet.ip.subspan(12, 8)) + 17 + udp_size), 0xffffu);
    ASSERT_NE(core::load_le<uint16_t>(packet.udp.data() + 6), 0) << "no checksum at all";
    ASSERT_EQ(core::as_text(packet.ethernet.first(6)), std::string_view("\x01\x00\x5e\x7c\x00\x01", 6));
    ASSERT_EQ(core::as_text(packet.ip.subspan(16, 4)), std::string_view("\xe9\xfc\x00\x01", 4));
    ASSERT_EQ(core::load_be<uint16_t>(packet.udp.data() + 2), 26400);
  }
}

TEST(ItchPcap, FillsPacketsUpTo1400Bytes) {
  const std::string file = make({.messages = 50'000});
  size_t largest = 0;
  for (const MoldPacket& packet : read_mold_pcap(file)) largest = std::max(largest, packet.mold.size());
  EXPECT_LE(largest, 1400u);
  EXPECT_GT(largest, 1350u);
}

TEST(ItchPcap, PutsBurstsWithinAMicrosecondIntoOnePacket) {
  const std::string file = make({.messages = 50'000});
  size_t alone = 0, dense = 0;
  for (const MoldPacket& packet : read_mold_pcap(file)) {
    if (packet.messages.empty()) continue;
    alone += packet.messages.size() == 1 ? 1 : 0;
    dense += packet.messages.size() > 20 ? 1 : 0;
    EXPECT_LT(itch_time(packet.messages.back()) - itch_time(packet.messages.front()), 1000u);
  }
  EXPECT_GT(alone, 2000u);
  EXPECT_GT(dense, 500u);
}

TEST(ItchPcap, NeverGoesBackInTimeAndCapturesSoonAfterwards) {
  for (const uint64_t mean_rate : {uint64_t{1000}, uint64_t{100'000}, kMeanRateMax}) {
    const std::string file = make({.messages = 20'000, .mean_rate = mean_rate});
    uint64_t last_capture = kOpening_ns, last_message = kOpening_ns - kMidnight_ns;
    for (const MoldPacket& packet : read_mold_pcap(file)) {
      ASSERT_GT(packet.capture_ns, last_capture);
      last_capture = packet.capture_ns;
      for (const Bytes message : packet.messages) {
        ASSERT_GE(itch_time(message), last_message);
        last_message = itch_time(message);
      }
      if (packet.messages.empty()) continue;
      ASSERT_GT(packet.capture_ns, kMidnight_ns + last_message);
      ASSERT_LT(packet.capture_ns, kMidnight_ns + last_message + 20'000);
    }
  }
}

TEST(ItchPcap, KeepsToTheMeanRate) {
  for (const uint64_t mean_rate : {uint64_t{100'000}, uint64_t{5'000'000}, kMeanRateMax}) {
    const std::string file = make({.messages = 300'000, .mean_rate = mean_rate});
    const std::vector<MoldPacket> packets = read_mold_pcap(file);
    const double seconds = static_cast<double>(packets.back().capture_ns - packets.front().capture_ns) * 1e-9;
    EXPECT_NEAR(300'000 / seconds / static_cast<double>(mean_rate), 1, 0.03);
  }
}

TEST(ItchPcap, RefusesWhatCannotBeAndSaysWhatToChange) {
  const ScratchFolder folder;
  const auto refusal = [&](const ItchPcapOptions& options) {
    const auto report = write_itch_pcap(folder / "s.pcap", options, core::StopFlag());
    if (report) return std::string("accepted");
    EXPECT_EQ(report.error().code, core::ExitCode::kUsage);
    return report.error().message;
  };
  EXPECT_THAT(refusal({.messages = 4}), HasSubstr("at least 5"));
  EXPECT_THAT(refusal({.messages = 2002, .symbols = 1000}), HasSubstr("give at least 2003"));
  EXPECT_EQ(refusal({.messages = 2003, .symbols = 1000}), "accepted");
  EXPECT_THAT(refusal({.symbols = 65'536}), HasSubstr("at most 65535"));
  EXPECT_THAT(refusal({.zipf = -0.1}), HasSubstr("--zipf"));
  EXPECT_THAT(refusal({.mean_rate = 0}), HasSubstr("--mean-rate"));
  EXPECT_THAT(refusal({.messages = 1'000'000, .mean_rate = 20}), HasSubstr("raise --mean-rate to 24"));
}

TEST(ItchPcap, EndsWhenItIsAskedTo) {
  const ScratchFolder folder;
  core::StopFlag stop;
  stop.request();
  const auto report = write_itch_pcap(folder / "s.pcap", {.messages = 1'000'000}, stop);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, core::ExitCode::kInterrupted);
}

TEST(ItchPcap, DoesNotWriteOverAFile) {
  const ScratchFolder folder;
  const core::StopFlag stop;
  EXPECT_TRUE(write_itch_pcap(folder / "s.pcap", {.messages = 100}, stop));
  EXPECT_FALSE(write_itch_pcap(folder / "s.pcap", {.messages = 100}, stop));
}

}  // namespace
}  // namespace tapedeck::synth
