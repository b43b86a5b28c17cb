#include "replay/paced_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck::replay {
namespace {

using core::Nanos;
using ::testing::ElementsAre;
using transport::kHeadroom;
using ByteVector = std::vector<std::byte>;

constexpr size_t kNoLimit = SIZE_MAX;
constexpr uint64_t kRecordBytes = 32;  // of those of make_block: head, source time, 8 bytes of payload

class PacedLaneTest : public ::testing::Test {
 protected:
  // A block of one record for each capture time; payloads are those times.
  [[nodiscard]] static ByteVector make_block(const std::vector<uint64_t>& times,
                                             tape::Codec codec = tape::Codec::kNone) {
    tape::BlockBuilder builder(core::TapeId(1), core::Lane(5), true, 1u << 16);
    for (const uint64_t time : times) {
      const ByteVector payload = [&] {
        ByteVector bytes;
        core::append_le(bytes, time);
        return bytes;
      }();
      builder.add({.capture_time = Nanos(time),
                   .source_time = {},
                   .topic = {},
                   .source = {},
                   .ordinal = {},
                   .payload = payload});
    }
    const auto sealed = builder.seal(codec);
    return {sealed->begin(), sealed->end()};
  }

  void add(uint64_t order_time, const std::vector<ByteVector>& blocks, uint32_t pass = 0) {
    replay::Run run;
    run.buffer = core::BufferLease(pool_.acquire(stop_));
    for (const ByteVector& block : blocks) {
      run.begin = kHeadroom;
      std::memcpy(run.buffer.bytes().data() + kHeadroom + run.size, block.data(), block.size());
      run.size += block.size();
    }
    run.lane = core::Lane(5);
    run.pass = pass;
    run.order_time = Nanos(order_time);
    lane_.add(std::move(run));
  }

  // The capture times of what is cut; the slice is checked on the way.
  [[nodiscard]] std::vector<uint64_t> cut(uint64_t until, size_t bytes_max = kNoLimit) {
    const Nanos due = lane_.due();
    const Slice slice = lane_.cut(Nanos(until), bytes_max);
    EXPECT_EQ(slice.due, due);
    tape::BlockOpener opener;
    tape::BlockView view;
    const core::Bytes block = transport::bytes_of(slice.message).subspan(kHeadroom);
    EXPECT_EQ(opener.open(block, view), tape::Damage::kNone);
    EXPECT_EQ(check_records(view), tape::Damage::kNone);
    EXPECT_EQ(tape::frame_size(view.header), block.size());
    EXPECT_EQ(slice.piece.records, view.size());
    EXPECT_EQ(slice.piece.crc, view.header.raw_crc);
    EXPECT_EQ(slice.piece.record_bytes, view.header.raw_size);
    std::vector<uint64_t> times;
    for (const tape::RecordView record : view) {
      EXPECT_EQ(core::load_le<uint64_t>(record.payload().data()), record.capture_time().value);
      times.push_back(record.capture_time().value);
    }
    return times;
  }

  const core::StopFlag stop_{};
  core::BufferPool pool_{4, kHeadroom + (1u << 16)};
  PacedLane lane_{core::Lane(5)};
};

TEST_F(PacedLaneTest, CutsExactlyWhatIsDue) {
  add(10, {make_block({10, 20, 20, 30})});
  EXPECT_EQ(lane_.due(), Nanos(10));
  EXPECT_THAT(cut(19), ElementsAre(10));
  EXPECT_EQ(lane_.due(), Nanos(20));
  EXPECT_THAT(cut(20), ElementsAre(20, 20));
  EXPECT_THAT(cut(1000), ElementsAre(30));
  EXPECT_TRUE(lane_.empty());
}

TEST_F(PacedLaneTest, ARecordWhoseClockStepsBackIsDueWithTheOneBeforeIt) {
  add(10, {make_block({10, 30, 20, 29, 40})});
  EXPECT_THAT(cut(25), ElementsAre(10));
  EXPECT_EQ(lane_.due(), Nanos(30));
  EXPECT_THAT(cut(39), ElementsAre(30, 20, 29));
  EXPECT_EQ(lane_.due(), Nanos(40));
}

TEST_F(PacedLaneTest, TheRunningMaximumGoesOnOverBlocksAndRuns) {
  add(10, {make_block({10, 50}), make_block({20})});
  add(50, {make_block({30, 60})});
  EXPECT_THAT(cut(10), ElementsAre(10));
  EXPECT_THAT(cut(50), ElementsAre(50));
  EXPECT_EQ(lane_.due(), Nanos(50));
  EXPECT_THAT(cut(50), ElementsAre(20));
  EXPECT_EQ(lane_.due(), Nanos(50));
  EXPECT_THAT(cut(50), ElementsAre(30));
  EXPECT_EQ(lane_.due(), Nanos(60));
}

TEST_F(PacedLaneTest, ASliceIsNoLargerThanAskedUnlessASingleRecordIs) {
  add(1, {make_block({1, 1, 1, 1, 1})});
  EXPECT_EQ(cut(1, 2 * kRecordBytes).size(), 2u);
  EXPECT_EQ(cut(1, 2 * kRecordBytes - 1).size(), 1u);
  EXPECT_EQ(cut(1, 1).size(), 1u);
  EXPECT_EQ(cut(1).size(), 1u);
  EXPECT_TRUE(lane_.empty());
}

TEST_F(PacedLaneTest, CompressedBlocksAreCutLikeOthers) {
  const std::vector<uint64_t> times(100, 7);
  add(7, {make_block(times, tape::Codec::kLz4), make_block({8}, tape::Codec::kLz4)});
  EXPECT_EQ(cut(7), times);
  EXPECT_THAT(cut(8), ElementsAre(8));
}

TEST_F(PacedLaneTest, ABlockThatDoesNotDecompressIsSkippedAndCounted) {
  ByteVector wrong = make_block(std::vector<uint64_t>(100, 7), tape::Codec::kLz4);
  tape::BlockHeader header;
  ASSERT_EQ(tape::read_header(wrong, header), tape::Damage::kNone);
  header.raw_crc ^= 1;
  tape::stamp_header(wrong, header);
  add(5, {make_block({5}), wrong, make_block({8})});
  EXPECT_THAT(cut(5), ElementsAre(5));
  EXPECT_EQ(lane_.records_lost(), 100u);
  EXPECT_THAT(cut(8), ElementsAre(8));
}

TEST_F(PacedLaneTest, ItsBuffersGoBackAsSoonAsTheyAreSpent) {
  add(1, {make_block({1})});
  add(2, {make_block({2})});
  static_cast<void>(cut(1));
  static_cast<void>(cut(2));
  EXPECT_TRUE(pool_.all_free());
}

TEST_F(PacedLaneTest, ANewPassStartsItsTimesAgain) {
  add(100, {make_block({100})});
  static_cast<void>(cut(100));
  add(10, {make_block({10})}, 1);
  EXPECT_EQ(lane_.due(), Nanos(10));
}

}  // namespace
}  // namespace tapedeck::replay
