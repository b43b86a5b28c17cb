// The counts of recorded feeds, as independent programs found them (SOURCE.txt of each set).
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "capture/capture.h"
#include "engine/tape/verify.h"
#include "tests/scratch_folder.h"

namespace tapedeck::capture {
namespace {

std::filesystem::path data_folder() {
  const char* folder = std::getenv("TAPEDECK_DATA_DIR");
  return folder != nullptr ? folder : TAPEDECK_DATA_DIR;
}

struct Expected {
  std::string file;
  uint64_t packets = 0;
  std::string protocol;  // of all of them but the unknown
  uint64_t messages = 0;
  uint64_t unknown = 0;
  uint64_t tcp = 0;
  uint64_t topics = 0;
  uint64_t gaps = 0;
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.file; }

const Expected kExpected[] = {
    {"derived-itch50-mold64-esh4-20231225/esh4-itch-mold64-a.ns.pcap", 32'358, "itch50", 40'715, 0, 0, 2},
    {"nasdaq-itch50-open-20191230/derived-mold64.ns.pcap", 489, "itch50", 1'000, 0, 0, 322},
    {"omi-nasdaq-itch50/merged-by-time.pcap", 80, "itch50", 117, 0, 0, 62, 7},
    {"iex-tops16-20170710/TOPS16.pcap", 13'022, "iextp", 57'674, 0, 0, 7'800},
    {"iex-deep10-20170425-b/DEEP10-packets-41001-116000.pcap", 75'000, "iextp", 76'033, 0, 0, 15},
    {"omi-iex/merged-by-time.pcap", 13, "iextp", 66, 0, 0, 21, 9},
    // Protocols without a decoder. One packet of omi-misc is Nasdaq's, and one a heartbeat of MoldUDP64.
    {"omi-misc/merged-by-time.pcap", 62, "itch50", 1, 60, 0, 7},
    {"bats-pitch-official-2014/mcastpitch_realtime_useq.pcap", 739, "", 0, 739, 0, 2},
    {"bats-pitch-official-2014/mcastpitch_grp_useq.pcap", 42, "", 0, 0, 42, 0},
    {"bats-pitch-official-2014/mcastpitch_spin_useq.pcap", 33, "", 0, 0, 33, 0},
    {"deribit-sbe-multicast-20230615/sample_capture_v1_6.pcapng", 5'066, "", 0, 5'066, 0, 29},
    {"derived-mdp3-esh4-20231225/esh4-mdp3-a.ns.pcap", 28'165, "", 0, 28'165, 0, 1},
    {"omi-cboe-pitch/merged-by-time.pcap", 11, "", 0, 11, 0, 5},
    {"omi-cme-mdp3/merged-by-time.pcap", 5, "", 0, 5, 0, 5},
    {"omi-eurex-eobi/merged-by-time.pcap", 9, "", 0, 9, 0, 7},
    {"omi-nyse-xdp-pillar/merged-by-time.pcap", 20, "", 0, 20, 0, 9},
};

class RecordedFeed : public ::testing::TestWithParam<Expected> {};

TEST_P(RecordedFeed, HasTheCountsThatOthersFound) {
  const Expected& expected = GetParam();
  const std::filesystem::path file = data_folder() / expected.file;
  if (!std::filesystem::exists(file)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true") FAIL() << file << " is not there";
    GTEST_SKIP() << file << " is not there: set TAPEDECK_DATA_DIR to the folder of the recorded feeds";
  }
  const ScratchFolder folder;
  const CaptureOptions options{.input = file, .output = folder / "out.tape", .tape = {}, .feed = {}};
  const auto summary = capture(options, core::StopFlag{}, nullptr);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->packets.packets, expected.packets);
  EXPECT_EQ(summary->messages, expected.messages);
  EXPECT_EQ(summary->feed.unknown, expected.unknown);
  EXPECT_EQ(summary->records, expected.messages + expected.unknown);
  EXPECT_EQ(summary->packets.skipped[static_cast<size_t>(feed::Skip::kTcp)], expected.tcp);
  EXPECT_EQ(summary->topics, expected.topics);
  EXPECT_EQ(summary->gaps, expected.gaps);
  EXPECT_EQ(summary->damage, "");
  if (const auto protocol = feed::protocol_of(expected.protocol)) {
    const feed::ProtocolCounts& counts = summary->feed.by_protocol[static_cast<size_t>(*protocol)];
    EXPECT_EQ(counts.packets, expected.packets - expected.unknown);
    EXPECT_EQ(counts.messages, expected.messages);
  }
  const auto tape = tape::TapeReader::open(options.output);
  ASSERT_TRUE(tape) << tape.error().message;
  EXPECT_TRUE(tape->damage().empty());
  EXPECT_EQ(tape->totals().records, expected.messages + expected.unknown);
}

std::string name_of(const ::testing::TestParamInfo<Expected>& info) {
  std::string name = info.param.file;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Of, RecordedFeed, ::testing::ValuesIn(kExpected), name_of);

}  // namespace
}  // namespace tapedeck::capture
