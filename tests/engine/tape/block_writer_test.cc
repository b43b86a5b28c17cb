#include "engine/tape/block_writer.h"

#include <atomic>

#include "engine/tape/segment_scanner.h"
#include "engine/tape/syncer.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr TapeId kWrittenTape{7};

// Is asked for the time whenever a segment is made: here with each block.
class AskedClock final : public core::Clock {
 public:
  explicit AskedClock(std::function<void()> when_asked) : when_asked_(std::move(when_asked)) {}
  [[nodiscard]] Nanos now() const override {
    when_asked_();
    return Nanos(1);
  }
  [[nodiscard]] int64_t monotonic_ns() const override { return 0; }
  bool sleep_until(int64_t, const core::StopFlag&) const override { return true; }

 private:
  std::function<void()> when_asked_;
};

// With and without a thread: the parameter is the bound of the queue.
class BlockWriterTest : public TapeTest, public ::testing::WithParamInterface<size_t> {
 protected:
  BlockWriterTest() { topics_.add("T"); }

  LaneFile lane_file(const fs::path& directory, Lane lane) {
    return {directory, kWrittenTape, lane, options_, topics_, clock_, syncer_};
  }

  static FilledBlock block_of(LaneFile& lane, uint64_t first_sequence, uint64_t records) {
    FilledBlock block{
        .lane = &lane, .builder = BlockBuilder(kWrittenTape, Lane(0), false, 4096), .topics = {TopicId(0)}};
    block.builder.start(lane.summary().lane, Sequence(first_sequence));
    for (uint64_t i = 0; i < records; ++i) block.builder.add({.ordinal = Ordinal(first_sequence + i)});
    return block;
  }

  // The first sequences of the blocks in the segments of a lane's folder.
  static std::vector<uint64_t> sequences_in(const fs::path& directory) {
    std::vector<uint64_t> sequences;
    for (const fs::path& file : files_in(directory)) {
      auto scanner = SegmentScanner::open(file, {}).value();
      while (scanner.next().value() == SegmentScanner::Item::kFrame) {
        if (scanner.frame().header.magic == kBlockMagic) sequences.push_back(scanner.frame().header.first_sequence);
      }
    }
    return sequences;
  }

  std::function<void()> when_asked_ = [] {};
  const AskedClock clock_{[this] { when_asked_(); }};
  TapeOptions options_ = {.block_bytes = 4096, .segment_bytes = 1};
  TopicNames topics_;
  Syncer syncer_{folder_.path(), Durability::kNone, 0};
  const fs::path missing_ = folder_ / "missing";  // a lane's folder cannot be made in it until it is there
};

INSTANTIATE_TEST_SUITE_P(InTheCalls, BlockWriterTest, ::testing::Values(0));
INSTANTIATE_TEST_SUITE_P(ByAThread, BlockWriterTest, ::testing::Values(1, 3));

TEST_P(BlockWriterTest, WritesAllBlocksInTheirOrder) {
  LaneFile lane = lane_file(folder_ / "lane", Lane(0));
  BlockWriter writer(GetParam());
  std::vector<uint64_t> pushed;
  for (uint64_t n = 0; n < 100; ++n) {
    FilledBlock block = block_of(lane, 3 * n, 3);
    ASSERT_TRUE(writer.push(block));
    EXPECT_EQ(block.lane, nullptr);
    pushed.push_back(3 * n);
  }
  ASSERT_TRUE(writer.drain());
  ASSERT_TRUE(lane.seal());
  EXPECT_EQ(sequences_in(folder_ / "lane"), pushed);
  EXPECT_EQ(lane.summary().records, 300u);
  EXPECT_EQ(writer.drop(), 0u);
}

TEST_P(BlockWriterTest, TakesAsManyBlocksAsItsQueueHoldsAndNoMore) {
  const uint64_t bound = GetParam();
  std::atomic<uint64_t> taken = 0;
  uint64_t written = 0;
  uint64_t waiting_max = 0;
  when_asked_ = [&] {
    while (written == 0 && taken < bound) std::this_thread::yield();
    waiting_max = std::max(waiting_max, taken - written);
    ++written;
  };
  LaneFile lane = lane_file(folder_ / "lane", Lane(0));
  BlockWriter writer(bound);
  for (uint64_t n = 0; n < 100; ++n) {
    FilledBlock block = block_of(lane, n, 1);
    ASSERT_TRUE(writer.push(block));
    ++taken;
  }
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(written, 100u);
  EXPECT_EQ(waiting_max, bound);
}

TEST_P(BlockWriterTest, WritesNothingAfterAnErrorAndEverythingWhenItIsRetried) {
  LaneFile good = lane_file(folder_ / "good", Lane(0));
  LaneFile bad = lane_file(missing_ / "bad", Lane(1));
  BlockWriter writer(GetParam());
  std::vector<FilledBlock> blocks;
  blocks.push_back(block_of(bad, 0, 1));
  blocks.push_back(block_of(good, 0, 1));
  blocks.push_back(block_of(bad, 1, 1));
  std::vector<FilledBlock> refused;
  for (FilledBlock& block : blocks) {
    const core::Status pushed = writer.push(block);
    if (!pushed) {
      EXPECT_THAT(pushed.error().message, HasSubstr("missing/bad"));
    }
    if (block.lane != nullptr) refused.push_back(std::move(block));
  }
  EXPECT_FALSE(writer.drain());
  EXPECT_FALSE(fs::exists(folder_ / "good"));
  fs::create_directory(missing_);
  for (FilledBlock& block : refused) ASSERT_TRUE(writer.push(block));
  ASSERT_TRUE(writer.drain());
  ASSERT_TRUE(good.seal());
  ASSERT_TRUE(bad.seal());
  EXPECT_EQ(sequences_in(folder_ / "good"), std::vector<uint64_t>{0});
  EXPECT_EQ(sequences_in(missing_ / "bad"), (std::vector<uint64_t>{0, 1}));
}

TEST_P(BlockWriterTest, TellsAnErrorOnceAndThenTriesAgain) {
  LaneFile bad = lane_file(missing_ / "bad", Lane(0));
  BlockWriter writer(GetParam());
  FilledBlock block = block_of(bad, 0, 1);
  const bool told = !writer.push(block);
  EXPECT_EQ(told, GetParam() == 0);
  EXPECT_EQ(block.lane, nullptr) << "it was taken";
  EXPECT_FALSE(writer.drain());
  EXPECT_FALSE(writer.check()) << "tried again, and failed again";
  fs::create_directory(missing_);
  EXPECT_TRUE(writer.check()) << "tried again";
  EXPECT_TRUE(fs::exists(missing_ / "bad"));
  EXPECT_TRUE(writer.drain());
}

TEST_P(BlockWriterTest, CountsTheRecordsThatItDropsAfterAnError) {
  LaneFile bad = lane_file(missing_ / "bad", Lane(0));
  BlockWriter writer(GetParam());
  uint64_t taken = 0;
  for (uint64_t n = 0; n < 5; ++n) {
    FilledBlock block = block_of(bad, 10 * n, 10);
    static_cast<void>(writer.push(block));
    if (block.lane == nullptr) taken += 10;
  }
  ASSERT_FALSE(writer.drain());
  fs::create_directory(missing_);
  EXPECT_EQ(writer.drop(), taken);
  EXPECT_TRUE(writer.drain());
  EXPECT_TRUE(fs::is_empty(missing_));
}

TEST_P(BlockWriterTest, GivesBackTheBuildersOfBlocksThatWereWritten) {
  LaneFile lane = lane_file(folder_ / "lane", Lane(0));
  BlockWriter writer(GetParam());
  EXPECT_FALSE(writer.spare());
  FilledBlock block = block_of(lane, 0, 1);
  ASSERT_TRUE(writer.push(block));
  ASSERT_TRUE(writer.drain());
  const std::optional<BlockBuilder> spare = writer.spare();
  ASSERT_TRUE(spare);
  EXPECT_TRUE(spare->empty());
  EXPECT_FALSE(writer.spare());
}

}  // namespace
}  // namespace tapedeck::tape
