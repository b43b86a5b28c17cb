#include "engine/tape/digest.h"

#include "engine/core/crc32c.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

// The digest once more, from nothing but docs/tape-format.md.
uint32_t naive_crc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string naive_digest(const std::vector<Message>& messages, const std::map<std::string, uint32_t>& topic_ids,
                         bool source_times) {
  std::map<uint16_t, std::string> records;
  std::map<uint16_t, uint64_t> counts;
  for (const Message& m : messages) {
    std::string record = little_endian(m.time_ns) + little_endian(topic_ids.at(m.topic)) +
                         little_endian(static_cast<uint32_t>(m.payload.size()));
    if (source_times) record += little_endian(m.source_time_ns);
    record += m.payload;
    record.resize((record.size() + 7) / 8 * 8, '\0');
    records[m.lane] += record;
    ++counts[m.lane];
  }
  std::string lanes;
  for (const auto& [lane, bytes] : records) {
    lanes += little_endian(uint32_t{lane}) + little_endian(counts[lane]) + little_endian(naive_crc32c(bytes));
  }
  return fmt::format("{:08x}", naive_crc32c(lanes));
}

class DigestTest : public TapeTest {
 protected:
  std::string write_and_digest(const std::vector<Message>& messages, const TapeOptions& options) {
    const std::filesystem::path path = folder_ / std::to_string(tapes_++);
    TapeMaker tape(path, options);
    tape.add(messages);
    tape.seal();
    const std::string digest = digest_of(open_sound(path));
    EXPECT_EQ(tape_digest(verify_at(path).digests), digest);
    return digest;
  }

  int tapes_ = 0;
};

TEST_F(DigestTest, IsWhatTheFormatSays) {
  const std::vector<Message> messages = some_messages(500, 3);
  const std::map<std::string, uint32_t> topic_ids = {{"TEST/0", 0}, {"TEST/1", 1}, {"TEST/2", 2}};
  EXPECT_EQ(write_and_digest(messages, {.lanes = 5}), naive_digest(messages, topic_ids, true));
  EXPECT_EQ(write_and_digest(messages, {.lanes = 5, .source_times = false}), naive_digest(messages, topic_ids, false));
}

TEST_F(DigestTest, IsTheSameWhateverTheBlocksSegmentsAndCodec) {
  const std::vector<Message> messages = some_messages(2000, 3);
  const std::string digest = write_and_digest(messages, {.lanes = 3});
  EXPECT_EQ(write_and_digest(messages, {.lanes = 3, .block_bytes = 4096}), digest);
  EXPECT_EQ(write_and_digest(messages, {.lanes = 16, .codec = Codec::kLz4, .block_bytes = 8192}), digest);
  EXPECT_EQ(write_and_digest(messages, {.lanes = 3, .codec = Codec::kZstd, .block_bytes = 8192}), digest);
  EXPECT_EQ(write_and_digest(messages, {.lanes = 3, .block_bytes = 4096, .segment_bytes = 1}), digest);
}

TEST_F(DigestTest, IsAnotherWhereOneRecordDiffersIsMissingOrElsewhere) {
  const std::vector<Message> messages = some_messages(50, 2);
  const std::string digest = write_and_digest(messages, {.lanes = 2});
  auto changed = messages;
  changed[20].payload[0] ^= 1;
  EXPECT_NE(write_and_digest(changed, {.lanes = 2}), digest);
  changed = messages;
  ++changed[20].time_ns;
  EXPECT_NE(write_and_digest(changed, {.lanes = 2}), digest);
  changed = messages;
  changed.pop_back();
  EXPECT_NE(write_and_digest(changed, {.lanes = 2}), digest);
  changed = messages;
  changed[20].lane ^= 1;
  EXPECT_NE(write_and_digest(changed, {.lanes = 2}), digest);
  changed = messages;
  std::swap(changed[20], changed[22]);  // of one lane
  EXPECT_NE(write_and_digest(changed, {.lanes = 2}), digest);
}

TEST(LaneDigest, CombinesPiecesOfAnySize) {
  const std::string bytes = "some records of a lane, cut anywhere";
  const uint32_t whole = core::crc32c(core::as_bytes(bytes));
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    LaneDigest digest;
    const std::string_view front = std::string_view(bytes).substr(0, cut);
    const std::string_view back = std::string_view(bytes).substr(cut);
    digest.add(1, core::crc32c(core::as_bytes(front)), front.size());
    digest.add(2, core::crc32c(core::as_bytes(back)), back.size());
    EXPECT_EQ(digest, (LaneDigest{.records = 3, .crc = whole}));
  }
}

TEST(TapeDigest, LeavesOutEmptyLanes) {
  const LaneDigest some{.records = 2, .crc = 0x12345678};
  EXPECT_EQ(tape_digest({{Lane(1), some}}), tape_digest({{Lane(0), {}}, {Lane(1), some}, {Lane(2), {}}}));
  EXPECT_EQ(tape_digest({}), "00000000");
}

}  // namespace
}  // namespace tapedeck::tape
