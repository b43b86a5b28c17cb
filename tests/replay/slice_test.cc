#include "replay/slice.h"

#include <gtest/gtest.h>

#include "engine/core/crc32c.h"

namespace tapedeck::replay {
namespace {

// A sealed block of ten records, of which the n-th has n bytes.
std::vector<std::byte> make_block(bool has_source_time) {
  tape::BlockBuilder builder(core::TapeId(8), core::Lane(3), has_source_time, 1u << 16);
  for (uint64_t i = 0; i < 10; ++i) {
    const std::string payload(i, static_cast<char>('a' + i));
    builder.add({.capture_time = core::Nanos(1000 - i),
                 .source_time = core::Nanos(i),
                 .topic = core::TopicId(1),
                 .source = {},
                 .ordinal = core::Ordinal(i),
                 .payload = core::as_bytes(payload)});
  }
  const auto sealed = builder.seal(tape::Codec::kNone);
  return {sealed->begin(), sealed->end()};
}

TEST(SliceBuilder, MakesASoundBlockOfSomeRecordsOfAnother) {
  for (const bool has_source_time : {true, false}) {
    const std::vector<std::byte> source = make_block(has_source_time);
    tape::BlockOpener opener;
    tape::BlockView whole;
    ASSERT_EQ(opener.open(source, whole), tape::Damage::kNone);
    std::vector<std::byte> out(source.size(), std::byte{0xee});
    SliceBuilder slice(out, whole.header, core::Sequence(42));
    EXPECT_TRUE(slice.empty());
    std::vector<std::byte> wanted;
    uint64_t n = 0;
    for (const tape::RecordView record : whole) {
      if (n++ % 3 != 1) continue;
      slice.add(record);
      core::append_bytes(wanted, record.bytes());
    }
    const size_t size = slice.finish();
    tape::BlockOpener other;
    tape::BlockView view;
    ASSERT_EQ(other.open(core::Bytes(out).first(size), view), tape::Damage::kNone);
    EXPECT_EQ(check_records(view), tape::Damage::kNone);
    EXPECT_EQ(view.size(), 3u);
    EXPECT_EQ(view.header.first_sequence, 42u);
    EXPECT_EQ(view.header.lane, 3);
    EXPECT_EQ(view.header.tape_id, 8u);
    EXPECT_EQ(view.header.time_min_ns, 993u);
    EXPECT_EQ(view.header.time_max_ns, 999u);
    EXPECT_EQ(view.header.raw_crc, core::crc32c(wanted));
    EXPECT_EQ(view.records.has_source_time(), has_source_time);
    EXPECT_TRUE(std::ranges::equal(view.records.bytes(), wanted));
    EXPECT_TRUE(view.side_column.empty());
  }
}

TEST(SliceBuilder, TakesTheRecordsOfAWholeBlockAsTheyLie) {
  const std::vector<std::byte> source = make_block(true);
  tape::BlockOpener opener;
  tape::BlockView whole;
  ASSERT_EQ(opener.open(source, whole), tape::Damage::kNone);
  std::vector<std::byte> out(source.size());
  SliceBuilder slice(out, whole.header, core::Sequence(0));
  slice.add(whole.records.bytes(), 10, core::Nanos(991), core::Nanos(1000));
  const size_t size = slice.finish();
  EXPECT_EQ(size, tape::kHeaderSize + whole.records.bytes().size());
  tape::BlockOpener other;
  tape::BlockView view;
  ASSERT_EQ(other.open(core::Bytes(out).first(size), view), tape::Damage::kNone);
  EXPECT_EQ(check_records(view), tape::Damage::kNone);
  EXPECT_EQ(view.size(), 10u);
  EXPECT_EQ(view.header.raw_crc, whole.header.raw_crc);
  EXPECT_TRUE(view.side_column.empty());
}

}  // namespace
}  // namespace tapedeck::replay
