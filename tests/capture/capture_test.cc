#include "capture/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "engine/tape/ordered_merge.h"
#include "engine/tape/tape_reader.h"
#include "tests/capture/pcap_file.h"
#include "tests/engine/feed/wire.h"
#include "tests/scratch_folder.h"

namespace tapedeck::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
namespace wire = feed::wire;

constexpr uint64_t kTime = 1'577'716'200'000'000'000;

struct Kept {
  uint64_t ordinal;
  uint64_t time_ns;
  std::string topic;
  std::string payload;
};

class CaptureTest : public ::testing::Test {
 protected:
  core::Result<Summary> try_capture(std::string_view file) {
    write_file(options_.input, file);
    return capture(options_, stop_, listener_);
  }
  Summary run(std::string_view file) {
    auto summary = try_capture(file);
    EXPECT_TRUE(summary) << summary.error().message;
    return summary.value_or(Summary{});
  }
  static std::string packet(std::string_view payload) { return wire::frame(payload); }

  [[nodiscard]] tape::TapeReader open() const { return tape::TapeReader::open(options_.output).value(); }

  [[nodiscard]] std::vector<Kept> kept() const {
    const tape::TapeReader tape = open();
    EXPECT_TRUE(tape.manifest().sealed);
    tape::OrderedMerge merge(tape, [](const tape::DamageReport& damage) { ADD_FAILURE() << damage.what; });
    std::vector<Kept> records;
    while (const auto item = merge.next()) {
      records.push_back({item->arrival.ordinal.value, item->record.capture_time().value,
                         tape.topic_names().at(item->record.topic().value),
                         std::string(core::as_text(item->record.payload()))});
    }
    return records;
  }

  ScratchFolder folder_;
  CaptureOptions options_{
      .input = folder_ / "feed.pcap", .output = folder_ / "out.tape", .tape = {.queue_blocks = 2}, .feed = {}};
  core::StopFlag stop_;
  ProgressListener listener_;
};

TEST_F(CaptureTest, WritesRecordsInTheirOrderOfArrivalOverAllLanes) {
  std::vector<FilePacket> packets;
  std::vector<std::string> messages;
  for (uint16_t n = 1; n <= 200; ++n) {
    messages.push_back(wire::itch_delete(n, n));
    messages.push_back(wire::itch_add(n, "SYM" + std::to_string(n)));
    packets.push_back({kTime, packet(wire::mold("S1", n * 2 - 1, {messages.end() - 2, messages.end()}))});
  }
  const Summary summary = run(pcap_file(packets));
  EXPECT_EQ(summary.packets.packets, 200u);
  EXPECT_EQ(summary.records, 400u);
  EXPECT_EQ(summary.topics, 200u);
  const std::vector<Kept> records = kept();
  ASSERT_EQ(records.size(), messages.size());
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].ordinal, i);
    EXPECT_EQ(records[i].payload, messages[i]);
    EXPECT_EQ(records[i].topic, "itch50/SYM" + std::to_string(i / 2 + 1));
  }
  EXPECT_EQ(open().lanes().size(), 16u) << "so many keys use all lanes";
}

TEST_F(CaptureTest, CountsWhatItSkips) {
  const Summary summary = run(pcap_file({{kTime, wire::ethernet("arp", 0x0806)},
                                         {kTime, wire::ethernet(wire::ipv4("segment", 6))},
                                         {kTime, wire::ethernet(wire::ipv4("segment", 6))},
                                         {kTime, packet("nobody's")}}));
  EXPECT_EQ(summary.packets.packets, 4u);
  EXPECT_EQ(summary.packets.skipped[static_cast<size_t>(feed::Skip::kNotIp)], 1u);
  EXPECT_EQ(summary.packets.skipped[static_cast<size_t>(feed::Skip::kTcp)], 2u);
  EXPECT_EQ(summary.feed.unknown, 1u);
  EXPECT_EQ(summary.records, 1u);
  EXPECT_EQ(kept().at(0).payload, "nobody's");
  EXPECT_EQ(kept().at(0).topic, "raw/@239.1.2.3:5000");
}

TEST_F(CaptureTest, WritesGapsToTheLedger) {
  const auto mold = [](uint64_t sequence) { return packet(wire::mold("S1", sequence, {wire::itch_delete(1)})); };
  const Summary summary = run(pcap_file({{kTime, mold(1)}, {kTime + 5, mold(4)}, {kTime + 6, mold(5)}}));
  EXPECT_EQ(summary.gaps, 1u);
  EXPECT_EQ(summary.messages_lost, 2u);
  const std::vector<tape::Loss> losses = open().losses().value();
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].cause, tape::LossCause::kSequenceGap);
  EXPECT_EQ(losses[0].first, 2u);
  EXPECT_EQ(losses[0].count, 2u);
  EXPECT_EQ(losses[0].time, core::Nanos(kTime + 5));
  EXPECT_EQ(losses[0].session, "S1");
  EXPECT_EQ(losses[0].source, open().manifest().sources.at(0).source);
  EXPECT_EQ(open().manifest().sources.at(0).name, "pcap:feed.pcap");
}

TEST_F(CaptureTest, KeepsWhatIsThereOfAPacketThatWasCapturedShort) {
  const std::string whole = packet(wire::mold("S1", 1, {wire::itch_delete(1)}));
  const std::string part = whole.substr(0, whole.size() - 3);
  const std::string head = whole.substr(0, 30);
  const Summary summary = run(pcap_file({{kTime, part, whole.size()}, {kTime + 1, head, whole.size()}}));
  EXPECT_EQ(summary.packets.packets, 2u);
  EXPECT_EQ(summary.packets.cut_packets, 2u);
  EXPECT_EQ(summary.packets.skipped[static_cast<size_t>(feed::Skip::kCut)], 1u);
  EXPECT_EQ(summary.feed.unknown, 1u);
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_EQ(kept()[0].payload, part.substr(42));
  const std::vector<tape::Loss> losses = open().losses().value();
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[1].cause, tape::LossCause::kCutPacket);
  EXPECT_EQ(losses[1].count, 0u);
  EXPECT_EQ(losses[1].time, core::Nanos(kTime + 1));
}

TEST_F(CaptureTest, KeepsAllBeforeTheCutOfAFileAndSaysSo) {
  const std::string file = pcap_file({{kTime, packet("one")}, {kTime + 1, packet("two")}});
  const Summary summary = run(file.substr(0, file.size() - 1));
  EXPECT_THAT(summary.damage, HasSubstr("truncated"));
  EXPECT_EQ(summary.packets.packets, 1u);
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_EQ(kept()[0].payload, "one");
  const std::vector<tape::Loss> losses = open().losses().value();
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].cause, tape::LossCause::kCutFile);
  EXPECT_EQ(losses[0].time, core::Nanos(kTime));
}

TEST_F(CaptureTest, MakesAnEmptyTapeOfAFileWithoutPackets) {
  const Summary summary = run(pcap_file({}));
  EXPECT_EQ(summary.records, 0u);
  EXPECT_EQ(summary.damage, "");
  EXPECT_TRUE(open().manifest().sealed);
  EXPECT_TRUE(kept().empty());
}

TEST_F(CaptureTest, LeavesNoTapeOfAFileThatIsNoCapture) {
  for (const std::string_view file : {"", "a text of more than twenty-four bytes"}) {
    const auto summary = try_capture(file);
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, core::ExitCode::kFailed);
    EXPECT_FALSE(std::filesystem::exists(options_.output));
  }
}

TEST_F(CaptureTest, RefusesATapeThatIsThere) {
  const std::string file = pcap_file({{kTime, packet("one")}});
  run(file);
  const auto again = try_capture(file);
  ASSERT_FALSE(again);
  EXPECT_EQ(kept().size(), 1u) << "the earlier tape is as it was";
}

TEST_F(CaptureTest, SealsTheTapeWhenItIsInterrupted) {
  std::vector<FilePacket> packets(5000, {kTime, packet("nobody's")});
  listener_ = [this](const Progress&) { stop_.request(); };  // called before the first packet
  const Summary summary = run(pcap_file(packets));
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.damage, "");
  EXPECT_LT(summary.packets.packets, 5000u);
  EXPECT_EQ(kept().size(), summary.records);
}

TEST_F(CaptureTest, GoesOnWithoutThePlacesThatItsThreadsCannotHave) {
  constexpr unsigned kNoSuchCpu = 70'000;
  options_.place.thread = {.name = "cap-0", .cpu = kNoSuchCpu, .node = {}, .fifo_priority = {}};
  options_.place.io = {.name = "cap-io-0", .cpu = kNoSuchCpu, .node = {}, .fifo_priority = {}};
  std::vector<std::string> notices;
  listener_ = [&notices](const Progress& progress) { notices = progress.notices; };
  Summary summary;
  std::thread([&] {
    summary = run(pcap_file({{kTime, packet(wire::mold("S1", 1, {wire::itch_delete(1, 1)}))}}));
  }).join();  // not in this thread, which would keep the name
  EXPECT_EQ(summary.records, 1u);
  EXPECT_THAT(notices, UnorderedElementsAre(HasSubstr("thread cap-0 cannot run on CPU 70000"),
                                            HasSubstr("thread cap-io-0 cannot run on CPU 70000")));
}

TEST_F(CaptureTest, TellsItsProgressFromTheStart) {
  std::vector<Progress> told;
  listener_ = [&told](const Progress& progress) { told.push_back(progress); };
  const std::string file = pcap_file({{kTime, packet("one")}});
  run(file);
  ASSERT_GE(told.size(), 1u);
  EXPECT_EQ(told[0].packets, 0u);
  EXPECT_EQ(told[0].bytes_total, file.size());
}

TEST_F(CaptureTest, UsesTheLanesAndTheFeedNameThatItIsTold) {
  options_.tape.lanes = 1;
  options_.feed.feed = "BOOK";
  run(pcap_file({{kTime, packet("one")}, {kTime, wire::frame("two", 6000)}}));
  EXPECT_EQ(open().lanes().size(), 1u);
  EXPECT_EQ(kept().at(1).topic, "BOOK/@239.1.2.3:6000");
}

}  // namespace
}  // namespace tapedeck::capture
