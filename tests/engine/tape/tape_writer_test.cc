#include "engine/tape/tape_writer.h"

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TapeWriterTest : public TapeTest {
 protected:
  fs::path write(const std::vector<Message>& messages, const TapeOptions& options) {
    const fs::path path = folder_ / std::to_string(tapes_++);
    TapeMaker tape(path, options);
    tape.add(messages);
    tape.seal();
    return path;
  }

  // Every way to read the tape gives the messages back.
  static void expect_holds(const fs::path& path, const std::vector<Message>& messages) {
    const TapeReader tape = open_sound(path);
    EXPECT_EQ(read_lanes(tape), by_lane(messages));
    EXPECT_EQ(read_in_order(tape), messages);
    const Verification found = verify_at(path);
    EXPECT_TRUE(found.clean());
    EXPECT_EQ(found.records, messages.size());
    EXPECT_EQ(found.records_lost, 0u);
    EXPECT_EQ(found.blocks, tape.totals().blocks);
  }

  int tapes_ = 0;
};

TEST_F(TapeWriterTest, GivesBackEveryRecordWhateverTheLanesCodecAndSourceTimes) {
  for (const uint16_t lanes : std::initializer_list<uint16_t>{1, 2, 3, 16}) {
    for (const Codec codec : kCodecs) {
      for (const bool source_times : {true, false}) {
        SCOPED_TRACE(fmt::format("{} lanes, codec {}, source times {}", lanes, codec_name(codec), source_times));
        std::vector<Message> messages = some_messages(1500, lanes);
        if (!source_times) {
          for (Message& m : messages) m.source_time_ns = 0;
        }
        expect_holds(
            write(messages, {.lanes = lanes, .codec = codec, .block_bytes = 4096, .source_times = source_times}),
            messages);
      }
    }
  }
}

TEST_F(TapeWriterTest, UsesEveryLaneUpToTheMaximum) {
  const std::vector<Message> messages = some_messages(1024, kLanesMax);
  const fs::path path = write(messages, {.lanes = kLanesMax, .block_bytes = 4096});
  EXPECT_EQ(open_sound(path).lanes().size(), kLanesMax);
  expect_holds(path, messages);
}

TEST_F(TapeWriterTest, GivesBackEveryPayloadSizeFromZeroOn) {
  std::vector<Message> messages = some_messages(300);
  for (size_t i = 0; i < messages.size(); ++i) messages[i].payload = std::string(i, static_cast<char>('a' + i % 26));
  expect_holds(write(messages, {.block_bytes = 4096}), messages);
  expect_holds(write(messages, {.codec = Codec::kLz4, .block_bytes = 4096, .source_times = true}), messages);
}

TEST_F(TapeWriterTest, GivesBackAPayloadOfExactlyTheMaximum) {
  for (const Codec codec : kCodecs) {
    std::vector<Message> messages = some_messages(3);
    messages[1].payload = std::string(kPayloadBytesMax, 'x');
    messages[1].payload[kPayloadBytesMax / 2] = 'y';
    expect_holds(write(messages, {.codec = codec}), messages);
  }
}

TEST_F(TapeWriterTest, PutsAPayloadAboveTheMaximumIntoTheLedger) {
  std::vector<Message> messages = some_messages(3);
  messages[1].payload = std::string(kPayloadBytesMax + 1, 'x');
  const fs::path path = write(messages, {});
  const TapeReader tape = open_sound(path);
  EXPECT_EQ(tape.manifest().gaps, 1u);
  EXPECT_EQ(tape.manifest().messages_lost, 1u);
  const auto losses = tape.losses();
  ASSERT_TRUE(losses && losses->size() == 1);
  EXPECT_EQ((*losses)[0].cause, LossCause::kOversized);
  EXPECT_EQ((*losses)[0].first, messages[1].ordinal);
  EXPECT_EQ((*losses)[0].time.value, messages[1].time_ns);
  messages.erase(messages.begin() + 1);
  expect_holds(path, messages);
}

TEST_F(TapeWriterTest, SealsABlockBeforeTheRecordThatWouldNotFit) {
  std::vector<Message> messages = some_messages(2);
  // Two records of 24 bytes and a payload fill a block exactly; one byte more is too much.
  messages[0].payload = std::string(2048 - 24, 'a');
  messages[1].payload = std::string(2048 - 24, 'b');
  EXPECT_EQ(open_sound(write(messages, {.block_bytes = 4096})).totals().blocks, 1u);
  messages[1].payload += 'b';
  const fs::path path = write(messages, {.block_bytes = 4096});
  EXPECT_EQ(open_sound(path).totals().blocks, 2u);
  expect_holds(path, messages);
}

TEST_F(TapeWriterTest, StartsASegmentWhenOneHasReachedItsSize) {
  const std::vector<Message> messages = some_messages(2000, 2);
  const fs::path path = write(messages, {.lanes = 2, .block_bytes = 4096, .segment_bytes = 20'000});
  const TapeReader tape = open_sound(path);
  for (const LaneContents& lane : tape.lanes()) {
    EXPECT_GT(lane.segments.size(), 3u);
    for (const Segment& segment : lane.segments) {
      EXPECT_LT(segment.index.blocks.back().offset, 20'000u) << "a block was added to a full segment";
      EXPECT_LT(segment.file_size, 20'000u + 2 * 4096);
    }
  }
  expect_holds(path, messages);
}

TEST_F(TapeWriterTest, StartsASegmentWhenOneHoldsEnoughTime) {
  const std::vector<Message> messages = some_messages(4000);
  const fs::path path = write(messages, {.block_bytes = 4096, .segment_duration_ns = 1'000'000});
  const TapeReader tape = open_sound(path);
  EXPECT_GE(tape.totals().segments, 4u);
  EXPECT_LE(tape.totals().segments, 5u);
  for (const Segment& segment : tape.lanes()[0].segments) {
    EXPECT_LE(segment.index.blocks.back().time_max - segment.index.blocks.front().time_min, 1'000'000u);
  }
  expect_holds(path, messages);
}

TEST_F(TapeWriterTest, SealsOnlyBlocksThatAreDueOnFlush) {
  ManualClock clock;
  auto tape = TapeWriter::create(folder_ / "t", {.lanes = 2, .flush_interval_ns = 100}, clock);
  ASSERT_TRUE(tape);
  const TopicId topic = tape->add_topic("T");
  const auto blocks_on_disk = [&] { return TapeReader::open(folder_ / "t")->totals().blocks; };
  ASSERT_TRUE(tape->append(Lane(0), {.topic = topic}));
  clock.elapsed_ns = 50;
  ASSERT_TRUE(tape->append(Lane(1), {.topic = topic}));
  clock.elapsed_ns = 99;
  ASSERT_TRUE(tape->flush_due());
  EXPECT_EQ(blocks_on_disk(), 0u);
  clock.elapsed_ns = 100;
  ASSERT_TRUE(tape->flush_due());
  EXPECT_EQ(blocks_on_disk(), 1u);
  clock.elapsed_ns = 150;
  ASSERT_TRUE(tape->flush_due());
  EXPECT_EQ(blocks_on_disk(), 2u);
}

TEST_F(TapeWriterTest, GivesALateNameToRecordsOfEarlierSegmentsToo) {
  std::vector<Message> messages = some_messages(1000);
  TapeMaker tape(folder_ / "t", {.block_bytes = 4096, .segment_bytes = 10'000});
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i == 300) tape.rename("TEST/0", "TEST/SECOND");
    if (i == 900) tape.rename("TEST/0", "TEST/LAST");
    tape.add(messages[i]);
  }
  tape.seal();
  for (Message& m : messages) m.topic = "TEST/LAST";
  expect_holds(folder_ / "t", messages);
}

TEST_F(TapeWriterTest, KeepsANameThatCameAfterTheLastRecordOfItsTopic) {
  std::vector<Message> messages = some_messages(500);
  for (size_t i = 0; i < messages.size(); ++i) messages[i].topic = i < 100 ? "TEST/EARLY" : "TEST/0";
  TapeMaker tape(folder_ / "t", {.block_bytes = 4096, .segment_bytes = 1});
  tape.add(messages);  // the segments with the early topic are sealed by now
  tape.rename("TEST/EARLY", "TEST/NAMED");
  tape.seal();
  for (size_t i = 0; i < 100; ++i) messages[i].topic = "TEST/NAMED";
  EXPECT_GT(open_sound(folder_ / "t").totals().segments, 5u);
  expect_holds(folder_ / "t", messages);
}

TEST_F(TapeWriterTest, TakesTheHighestVersionOfANameAcrossLanes) {
  std::vector<Message> messages = some_messages(20, 2);
  for (Message& m : messages) m.topic = "TEST/SHARED";
  TapeMaker tape(folder_ / "t", {.lanes = 2});
  tape.add(messages);
  tape.end_blocks();
  tape.rename("TEST/SHARED", "TEST/NEW");
  tape.seal();
  for (Message& m : messages) m.topic = "TEST/NEW";
  expect_holds(folder_ / "t", messages);
}

TEST_F(TapeWriterTest, SaysInTheManifestWhatTheReaderFinds) {
  const std::vector<Message> messages = some_messages(1000, 3);
  TapeMaker maker(folder_ / "t", {.lanes = 7, .codec = Codec::kLz4, .block_bytes = 4096, .segment_bytes = 9000});
  maker.add(messages);
  const Manifest told = maker.seal();
  const TapeReader tape = open_sound(folder_ / "t");
  EXPECT_EQ(told.lane_count, 7u);
  ASSERT_EQ(told.lanes.size(), 3u);
  ASSERT_EQ(tape.lanes().size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(told.lanes[i], tape.lanes()[i].summary);
  EXPECT_EQ(told.topics, 3u);
  EXPECT_EQ(tape.topic_names().size(), 3u);
  EXPECT_EQ(tape.id(), told.id);
  EXPECT_EQ(tape.manifest().sources.size(), 2u);
  EXPECT_EQ(tape.totals().time_min_ns, messages.front().time_ns);
  EXPECT_EQ(tape.totals().time_max_ns, messages.back().time_ns);
  uint64_t bytes = 0;
  for (const fs::path& file : files_in(folder_ / "t")) bytes += file.extension() == ".seg" ? fs::file_size(file) : 0;
  EXPECT_EQ(tape.totals().bytes, bytes);
}

TEST_F(TapeWriterTest, WritesATapeWithoutRecords) {
  expect_holds(write({}, {}), {});
  EXPECT_EQ(digest_of(open_sound(folder_ / "0")), "00000000");
}

TEST_F(TapeWriterTest, CutsLongTopicNames) {
  auto tape = TapeWriter::create(folder_ / "t", {});
  ASSERT_TRUE(tape);
  const TopicId topic = tape->add_topic(std::string(300, 'n'));
  EXPECT_EQ(tape->topic_name(topic), std::string(255, 'n'));
  tape->rename_topic(topic, std::string(300, 'm'));
  EXPECT_EQ(tape->topic_name(topic), std::string(255, 'm'));
}

TEST_F(TapeWriterTest, PutsTopicsBeyondTheMaximumTogether) {
  auto tape = TapeWriter::create(folder_ / "t", {});
  ASSERT_TRUE(tape);
  for (uint32_t i = 0; i + 2 < kTopicsMax; ++i) tape->add_topic("T");
  EXPECT_EQ(tape->add_topic("T").value, kTopicsMax - 2);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tape->add_topic("U").value, kTopicsMax - 1);
  tape->rename_topic(TopicId(kTopicsMax - 1), "V");
  EXPECT_EQ(tape->topic_name(TopicId(kTopicsMax - 1)), TapeWriter::kOtherTopics);
}

TEST_F(TapeWriterTest, PutsSourcesIntoTheManifestWhileItIsRecording) {
  auto tape = TapeWriter::create(folder_ / "t", {});
  ASSERT_TRUE(tape);
  tape->add_source("udp:233.54.12.111:26477", "itch");
  ASSERT_TRUE(tape->flush_due());
  const auto reader = TapeReader::open(folder_ / "t");
  ASSERT_TRUE(reader);
  ASSERT_EQ(reader->manifest().sources.size(), 1u);
  EXPECT_EQ(reader->manifest().sources[0].protocol, "itch");
}

TEST_F(TapeWriterTest, RefusesOptionsThatCannotBe) {
  const auto error = [&](const TapeOptions& options) {
    const auto tape = TapeWriter::create(folder_ / "refused", options);
    return tape ? core::Error{core::ExitCode::kOk, ""} : tape.error();
  };
  EXPECT_EQ(error({.lanes = 0}).code, core::ExitCode::kUsage);
  EXPECT_EQ(error({.lanes = 1025}).code, core::ExitCode::kUsage);
  EXPECT_EQ(error({.block_bytes = 4095}).code, core::ExitCode::kUsage);
  EXPECT_THAT(error({.block_bytes = (16u << 20) + 1}).message, HasSubstr("16777216"));
  EXPECT_FALSE(fs::exists(folder_ / "refused"));
}

TEST_F(TapeWriterTest, RefusesADirectoryThatHoldsSomethingOrCannotBeMade) {
  const auto message = [](const fs::path& path) {
    const auto tape = TapeWriter::create(path, {});
    return tape ? "" : tape.error().message;
  };
  write_small_tape(folder_ / "t", Codec::kNone);
  EXPECT_THAT(message(folder_ / "t"), HasSubstr("not empty"));
  store(folder_ / "file", "x");
  EXPECT_THAT(message(folder_ / "file"), HasSubstr("file"));
  EXPECT_THAT(message(folder_ / "no" / "parent"), HasSubstr("parent"));
  fs::create_directory(folder_ / "empty");
  EXPECT_EQ(message(folder_ / "empty"), "");
}

TEST_F(TapeWriterTest, RefusesASecondWriterUntilTheFirstHasSealed) {
  auto first = TapeWriter::create(folder_ / "t", {});
  ASSERT_TRUE(first);
  const auto second = TapeWriter::create(folder_ / "t", {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, core::ExitCode::kFailed);
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
  EXPECT_FALSE(TapeReader::open(folder_ / "t", {.lock = true}));
  ASSERT_TRUE(first->seal());
  const auto third = TapeWriter::create(folder_ / "t", {});
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("not empty"));
  const auto reader = TapeReader::open(folder_ / "t", {.lock = true});
  const auto another = TapeReader::open(folder_ / "t", {.lock = true});
  EXPECT_TRUE(reader && another);
}

TEST_F(TapeWriterTest, GivesEachTapeAnIdOfItsOwn) {
  const auto a = TapeWriter::create(folder_ / "a", {});
  const auto b = TapeWriter::create(folder_ / "b", {});
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->id(), b->id());
}

}  // namespace
}  // namespace tapedeck::tape
