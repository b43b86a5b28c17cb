#include "replay/lane_feed.h"

#include <optional>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kFirst_ns = 1'500'000'000'000'000'000;

// What was read of a lane.
struct Reading {
  std::vector<uint32_t> blocks_per_run;
  std::vector<uint64_t> records;  // their numbers, as their payloads say
  std::vector<tape::DamageReport> damage;
  Piece sum;
};

// One lane of blocks of ten records, number N a microsecond after number N - 1.
class LaneFeedTest : public tape::TapeTest, public ::testing::WithParamInterface<core::File::Mode> {
 protected:
  void make_tape(uint64_t blocks, tape::TapeOptions options = {.lanes = 1}) {
    tape::TapeMaker maker(folder_ / "t", options);
    for (uint64_t i = 0; i < 10 * blocks; ++i) {
      maker.add({.lane = 0,
                 .topic = i % 2 == 0 ? "X/EVEN" : "X/ODD",
                 .payload = fmt::format("{:<100}", i),
                 .time_ns = kFirst_ns + i * 1000,
                 .ordinal = i});
      if (i % 10 == 9) maker.end_blocks();
    }
    maker.seal();
  }
  void open() {
    auto tape = tape::TapeReader::open(folder_ / "t", {.topic_blocks = true});
    ASSERT_TRUE(tape) << tape.error().message;
    tape_.emplace(std::move(*tape));
  }
  [[nodiscard]] const tape::BlockRef& block(size_t i) const { return tape_->lanes()[0].segments[0].index.blocks[i]; }

  Reading read(size_t batch_bytes, const SelectionOptions& wanted = {}) {
    const auto selection = Selection::make(*tape_, wanted);
    EXPECT_TRUE(selection) << selection.error().message;
    Reading reading;
    core::BufferPool pool(1, kRunOverhead + run_bytes_max(*tape_, !selection->is_whole_tape(), batch_bytes));
    LaneFeed feed(*tape_, tape_->lanes()[0], *selection, batch_bytes, GetParam(),
                  [&](const tape::DamageReport& damage) { reading.damage.push_back(damage); });
    while (!feed.at_end()) {
      replay::Run run;
      run.buffer = core::BufferLease(pool.acquire(stop_));
      const core::Nanos order_time = feed.order_time();
      if (!feed.read(run)) continue;
      EXPECT_EQ(run.order_time, order_time);
      take(run, reading);
    }
    return reading;
  }

  core::StopFlag stop_;
  std::optional<tape::TapeReader> tape_;

 private:
  static void take(const replay::Run& run, Reading& reading) {
    core::Bytes rest = run.blocks();
    uint32_t blocks = 0;
    Piece piece;
    while (!rest.empty()) {
      tape::BlockOpener opener;
      tape::BlockView view;
      ASSERT_EQ(opener.open(rest, view), tape::Damage::kNone);
      EXPECT_EQ(check_records(view), tape::Damage::kNone);
      for (const tape::RecordView record : view) {
        reading.records.push_back(std::stoull(std::string(core::as_text(record.payload()))));
      }
      piece.append(view.size(), view.header.raw_crc, view.header.raw_size);
      rest = rest.subspan(tape::frame_size(view.header));
      ++blocks;
    }
    EXPECT_EQ(run.piece.records, piece.records);
    EXPECT_EQ(run.piece.crc, piece.crc);
    EXPECT_EQ(run.piece.record_bytes, piece.record_bytes);
    reading.blocks_per_run.push_back(blocks);
    reading.sum.append(piece.records, piece.crc, piece.record_bytes);
  }
};

std::vector<uint64_t> numbers(uint64_t first, uint64_t end, uint64_t step = 1) {
  std::vector<uint64_t> all;
  for (uint64_t i = first; i < end; i += step) all.push_back(i);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Reading, LaneFeedTest,
                         ::testing::Values(core::File::Mode::kRead, core::File::Mode::kReadDirect),
                         [](const auto& mode) { return mode.param == core::File::Mode::kRead ? "Cached" : "Direct"; });

TEST_P(LaneFeedTest, SmallBlocksAreJoinedUpToTheBatch) {
  make_tape(7);
  open();
  const size_t size = block(0).frame_size;
  EXPECT_THAT(read(3 * size).blocks_per_run, ElementsAre(3, 3, 1));
  EXPECT_THAT(read(3 * size - 1).blocks_per_run, ElementsAre(2, 2, 2, 1));
  EXPECT_THAT(read(1).blocks_per_run, ElementsAre(1, 1, 1, 1, 1, 1, 1));
  const Reading all = read(1u << 20);
  EXPECT_THAT(all.blocks_per_run, ElementsAre(7));
  EXPECT_EQ(all.records, numbers(0, 70));
  EXPECT_THAT(all.damage, IsEmpty());
}

TEST_P(LaneFeedTest, ARunEndsWithItsSegment) {
  make_tape(6, {.lanes = 1, .segment_duration_ns = 20'000});
  open();
  ASSERT_GT(tape_->lanes()[0].segments.size(), 1u);
  const Reading all = read(1u << 20);
  EXPECT_EQ(all.blocks_per_run.size(), tape_->lanes()[0].segments.size());
  EXPECT_EQ(all.records, numbers(0, 60));
}

TEST_P(LaneFeedTest, TheSumOfItsPiecesIsTheDigestOfTheLane) {
  for (const tape::Codec codec : tape::kCodecs) {
    std::filesystem::remove_all(folder_ / "t");
    make_tape(5, {.lanes = 1, .codec = codec});
    open();
    const Reading all = read(2000);
    std::map<core::Lane, tape::LaneDigest> digests;
    digests[core::Lane(0)] = {all.sum.records, all.sum.crc};
    EXPECT_EQ(tape::tape_digest(digests), tape::digest_of(*tape_));
  }
}

TEST_P(LaneFeedTest, ADamagedBlockIsToldAndLeftOut) {
  make_tape(5);
  open();
  std::string file = tape::load(tape_->lanes()[0].segments[0].path);
  file[block(2).offset + 200] ^= 1;
  tape::store(tape_->lanes()[0].segments[0].path, file);
  const Reading rest = read(1u << 20);
  std::vector<uint64_t> expected = numbers(0, 20);
  for (const uint64_t i : numbers(30, 50)) expected.push_back(i);
  EXPECT_EQ(rest.records, expected);
  EXPECT_THAT(rest.blocks_per_run, ElementsAre(2, 2));
  ASSERT_EQ(rest.damage.size(), 1u);
  EXPECT_EQ(rest.damage[0].offset, block(2).offset);
  EXPECT_EQ(rest.damage[0].records_lost, 10u);
}

TEST_P(LaneFeedTest, TheFirstAndTheLastBlockMayBeDamaged) {
  make_tape(3);
  open();
  const std::string path = tape_->lanes()[0].segments[0].path;
  std::string file = tape::load(path);
  file[block(0).offset + 3] ^= 1;
  file[block(2).offset + 70] ^= 1;
  tape::store(path, file);
  const Reading rest = read(1u << 20);
  EXPECT_EQ(rest.records, numbers(10, 20));
  EXPECT_EQ(rest.damage.size(), 2u);
}

TEST_P(LaneFeedTest, AFileThatWasCutMeanwhileIsDamageNotACrash) {
  make_tape(3);
  open();
  const std::string path = tape_->lanes()[0].segments[0].path;
  tape::store(path, tape::load(path).substr(0, block(1).offset + 10));
  for (const size_t batch_bytes : {1u, 1u << 20}) {
    const Reading rest = read(batch_bytes);
    EXPECT_EQ(rest.records, numbers(0, 10));
    EXPECT_EQ(rest.damage.size(), 2u);
  }
}

TEST_P(LaneFeedTest, PartsOfBlocksAreSliced) {
  make_tape(4);
  open();
  const SelectionOptions stretch{.start = core::Nanos(kFirst_ns + 5000), .end = core::Nanos(kFirst_ns + 32'000)};
  const Reading part = read(1u << 20, stretch);
  EXPECT_EQ(part.records, numbers(5, 33));
  EXPECT_THAT(part.blocks_per_run, ElementsAre(1, 2, 1));
}

TEST_P(LaneFeedTest, SomeTopicsOfCompressedBlocksFitThoughTheyAreLargerThanOnTheDisk) {
  make_tape(4, {.lanes = 1, .codec = tape::Codec::kLz4});
  open();
  ASSERT_LT(block(0).frame_size, 1000u);
  const Reading part = read(1, {.topics = {.exclude = "EVEN"}});
  EXPECT_EQ(part.records, numbers(1, 40, 2));
  EXPECT_THAT(part.damage, IsEmpty());
}

TEST_P(LaneFeedTest, ADamagedBlockOfWhichAPartIsWantedIsToldAndLeftOut) {
  make_tape(3);
  open();
  const std::string path = tape_->lanes()[0].segments[0].path;
  std::string file = tape::load(path);
  file[block(1).offset + 200] ^= 1;
  tape::store(path, file);
  const Reading part = read(1u << 20, {.topics = {.names = {"X/ODD"}}});
  EXPECT_EQ(part.records.size(), 10u);
  EXPECT_EQ(part.damage.size(), 1u);
}

using MeanRecordTest = tape::TapeTest;

TEST_F(MeanRecordTest, IsThatOfTheRecordsAndNotOfTheirCompressedFiles) {
  tape::TapeMaker maker(folder_ / "mean", {.lanes = 1, .codec = tape::Codec::kZstd});
  for (uint64_t i = 0; i < 1000; ++i) {
    maker.add(
        {.topic = "X/A", .payload = std::string(1000, 'x'), .time_ns = 1'500'000'000'000'000'000 + i, .ordinal = i});
  }
  maker.seal();
  EXPECT_EQ(mean_record_bytes(open_sound(folder_ / "mean").totals()), 1016u);
}

}  // namespace
}  // namespace tapedeck::replay
