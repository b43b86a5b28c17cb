#include "engine/tape/segment_index.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace tapedeck::tape {
namespace {

BlockRef block(uint64_t offset, uint64_t first_sequence, uint32_t count = 10) {
  return {.offset = offset,
          .first_sequence = Sequence(first_sequence),
          .time_min = Nanos(offset),
          .time_max = Nanos(offset + 5),
          .record_count = count,
          .frame_size = 100,
          .payload_bytes = 30};
}

void add_topic(SegmentIndex& index, uint32_t id, const std::string& name, const std::vector<uint32_t>& blocks) {
  TopicBlocks& topic = index.topics.emplace_back();
  topic.name.topic = TopicId(id);
  topic.name.version = id / 2;
  topic.name.name = name;
  topic.blocks = blocks;
}

SegmentIndex some_index() {
  SegmentIndex index;
  index.blocks = {block(64, 0), block(164, 10), block(300, 20)};
  add_topic(index, 0, "A/ONE", {0, 1, 2});
  add_topic(index, 5, "", {});
  add_topic(index, 6, "A/SIX", {2});
  return index;
}

bool is_refused(const SegmentIndex& index) { return !decode_index(encode_index(index)); }

TEST(SegmentIndex, GivesBackItsBlocksAndTopics) {
  const SegmentIndex index = some_index();
  const auto decoded = decode_index(encode_index(index));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->blocks, index.blocks);
  ASSERT_EQ(decoded->topics.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(decoded->topics[i].name, index.topics[i].name);
    EXPECT_EQ(decoded->topics[i].blocks, index.topics[i].blocks);
  }
}

TEST(SegmentIndex, IsRefusedWhereItsBlocksOrTopicsAreOutOfOrder) {
  EXPECT_FALSE(is_refused(some_index()));
  SegmentIndex index = some_index();
  index.blocks[1].offset = 163;  // inside the one before
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  index.blocks[2].first_sequence = Sequence(19);
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  std::swap(index.topics[0], index.topics[1]);
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  index.topics[1].name.topic = TopicId(0);
  EXPECT_TRUE(is_refused(index));
}

TEST(SegmentIndex, IsRefusedWhereABlockEndsBeyondWhatNumbersHold) {
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  SegmentIndex index = some_index();
  index.blocks[1].offset = kLargest - 50;  // and ends, wrapped around, before the next one
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  index.blocks[1].first_sequence = Sequence(kLargest - 5);
  EXPECT_TRUE(is_refused(index));
}

TEST(SegmentIndex, IsRefusedWhereATopicNamesBlocksOrAnIdThatCannotBe) {
  SegmentIndex index = some_index();
  index.topics[2].blocks = {3};
  EXPECT_TRUE(is_refused(index));
  index.topics[2].blocks = {1, 1};
  EXPECT_TRUE(is_refused(index));
  index.topics[2].blocks = {2, 1};
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  index.topics[2].name.topic = TopicId(kTopicsMax);
  EXPECT_TRUE(is_refused(index));
  index = some_index();
  index.topics[2].name.name = std::string(kTopicNameBytesMax + 1, 'x');
  EXPECT_TRUE(is_refused(index));
}

TEST(SegmentIndex, IsRefusedAtEveryOtherLength) {
  std::vector<std::byte> body = encode_index(some_index());
  for (size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(decode_index(Bytes(body).first(size))) << size;
  body.push_back(std::byte{0});
  EXPECT_FALSE(decode_index(body));
}

TEST(SegmentIndex, SurvivesAnyBytes) {
  std::mt19937_64 random(1);
  const std::vector<std::byte> sound = encode_index(some_index());
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> body = sound;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) body[random() % body.size()] = static_cast<std::byte>(random());
    const auto decoded = decode_index(body);
    if (!decoded) continue;
    for (const TopicBlocks& topic : decoded->topics) {
      for (const uint32_t number : topic.blocks) ASSERT_LT(number, decoded->blocks.size());
    }
  }
}

TEST(Dictionary, GivesBackItsNames) {
  const std::vector<TopicName> names = {
      {TopicId(1), 0, "A/ONE"}, {TopicId(0), 7, ""}, {TopicId(2), 1, std::string(255, 'n')}};
  const std::vector<std::byte> body = encode_names(names);
  const auto decoded = decode_names(body, 3);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, names);
  EXPECT_FALSE(decode_names(body, 2));
  EXPECT_FALSE(decode_names(body, 4));
  EXPECT_FALSE(decode_names(body, 0xffffffff));
  EXPECT_FALSE(decode_names(Bytes(body).first(body.size() - 1), 3));
}

TEST(Frame, OfAnotherKindThanABlockGivesBackItsBody) {
  for (size_t size = 0; size < 20; ++size) {
    const std::string text(size, 'b');
    const auto frame = make_frame(kLedgerMagic, TapeId(5), Lane(2), 3, core::as_bytes(text));
    BlockHeader header;
    ASSERT_EQ(verify_frame(frame, header), Damage::kNone);
    EXPECT_EQ(frame.size(), frame_size(header));
    EXPECT_EQ(header.record_count, 3u);
    EXPECT_EQ(header.lane, 2u);
    EXPECT_EQ(core::as_text(body_of(frame, header)), text);
  }
}

}  // namespace
}  // namespace tapedeck::tape
