#include "engine/transport/in_band.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tape/format.h"
#include "tests/engine/transport/hostile_bytes.h"

namespace tapedeck::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

Announcement some_announcement() {
  return {.publisher = UINT64_MAX - 1,
          .tape = core::TapeId(0x8877665544332211),
          .tape_name = "a \"tape\" of J\xc3\xbcrgen",
          .session_endpoint = "tcp://0.0.0.0:4242",
          .shard = 1,
          .endpoints = {"tcp://0.0.0.0:1", "ipc:///tmp/2"},
          .records = 40'715,
          .batch_bytes = 1u << 20,
          .paced = true,
          .wire = Wire::kPlain,
          .source_times = false};
}

TEST(InBand, AnAnnouncementComesBack) {
  const Message message = encode(some_announcement());
  EXPECT_TRUE(core::as_text(message).starts_with("TDS/ANN/"));
  const auto read = decode_announcement(message);
  ASSERT_TRUE(read) << read.error().message;
  const Announcement expected = some_announcement();
  EXPECT_EQ(read->publisher, expected.publisher);
  EXPECT_EQ(read->tape, expected.tape);
  EXPECT_EQ(read->tape_name, expected.tape_name);
  EXPECT_EQ(read->session_endpoint, expected.session_endpoint);
  EXPECT_EQ(read->shard, expected.shard);
  EXPECT_EQ(read->endpoints, expected.endpoints);
  EXPECT_EQ(read->records, expected.records);
  EXPECT_EQ(read->batch_bytes, expected.batch_bytes);
  EXPECT_TRUE(read->paced);
  EXPECT_EQ(read->wire, Wire::kPlain);
  EXPECT_FALSE(read->source_times);
}

TEST(InBand, AnAnnouncementOfAWireThatIsNotKnownIsRefused) {
  std::string text(core::as_text(encode(some_announcement())));
  text.replace(text.find("plain"), 5, "other");
  EXPECT_FALSE(decode_announcement(core::as_bytes(text)));
}

TEST(InBand, AnAnnouncementByAShardThatIsNoneOfItsReplayIsRefused) {
  Announcement announcement = some_announcement();
  announcement.shard = 2;
  EXPECT_FALSE(decode_announcement(encode(announcement)));
}

TEST(InBand, ATapeNameThatIsNotUtf8StillTravels) {
  Announcement announcement = some_announcement();
  announcement.tape_name = "\xff\xfe";
  EXPECT_TRUE(decode_announcement(encode(announcement)));
}

TEST(InBand, ADictionaryComesBack) {
  const Dictionary dictionary{.tape = core::TapeId(5),
                              .names = {"itch50/A", "", std::string(255, 'x'), "\xff"},
                              .lanes = {core::Lane(3), kLaneUnknown, core::Lane(0), core::Lane(1023)}};
  const auto read = decode_dictionary(encode(dictionary));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->tape, dictionary.tape);
  EXPECT_EQ(read->names, dictionary.names);
  EXPECT_EQ(read->lanes, dictionary.lanes);
  EXPECT_TRUE(decode_dictionary(encode(Dictionary{}))->names.empty());
}

TEST(InBand, ADictionaryOfMoreNamesThanBytesIsRefusedBeforeItIsAllocated) {
  Message message = encode(Dictionary{});
  core::store_le(message.data() + 16, uint32_t{0xffffffff});
  EXPECT_FALSE(decode_dictionary(message));
}

TEST(InBand, ADictionaryOfMoreTopicsThanATapeHasIsRefused) {
  Dictionary dictionary;
  dictionary.names.resize(tape::kTopicsMax);
  EXPECT_TRUE(decode_dictionary(encode(dictionary)));
  dictionary.names.emplace_back();
  EXPECT_FALSE(decode_dictionary(encode(dictionary)));
}

TEST(InBand, ADictionaryWithBytesBehindItsNamesIsRefused) {
  Message message = encode(Dictionary{.tape = {}, .names = {"a"}});
  message.push_back(std::byte{});
  EXPECT_FALSE(decode_dictionary(message));
}

TEST(InBand, AnEndComesBack) {
  const EndOfTape end{.publisher = 7,
                      .shard = 3,
                      .interrupted = true,
                      .records_sent = {{core::Lane(0), 5}, {core::Lane(900), 1ull << 60}}};
  const auto read = decode_end(encode(end));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->publisher, 7u);
  EXPECT_EQ(read->shard, 3u);
  EXPECT_TRUE(read->interrupted);
  EXPECT_THAT(read->records_sent, ElementsAre(Pair(core::Lane(0), 5), Pair(core::Lane(900), 1ull << 60)));
}

TEST(InBand, AMessageOfAnotherKindOrVersionIsRefused) {
  EXPECT_FALSE(decode_end(encode(some_announcement())));
  EXPECT_FALSE(decode_announcement(encode(EndOfTape{})));
  EXPECT_FALSE(decode_dictionary(encode(EndOfTape{})));
  std::string text(core::as_text(encode(EndOfTape{})));
  text.replace(text.find("\"version\":0"), 11, "\"version\":1");
  const auto read = decode_end(core::as_bytes(text));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("version 1"), std::string::npos) << read.error().message;
}

TEST(InBand, ANumberThatIsNotWholeOrOutOfRangeIsRefused) {
  const std::string text(core::as_text(encode(EndOfTape{.publisher = 7, .records_sent = {{core::Lane(3), 4}}})));
  const auto with = [&](std::string_view key, std::string_view value, std::string_view other) {
    std::string altered = text;
    const size_t at = altered.find(value, altered.find(key));
    return altered.replace(at, value.size(), other);
  };
  EXPECT_TRUE(decode_end(core::as_bytes(with("publisher", "7", "18446744073709551615"))));
  for (const std::string_view other : {"-1", "0.5", "1e300", "18446744073709551616", "true"}) {
    EXPECT_FALSE(decode_end(core::as_bytes(with("publisher", "7", other)))) << other;
  }
  EXPECT_FALSE(decode_end(core::as_bytes(with("records_sent", "3", "65539"))));
  EXPECT_FALSE(decode_end(core::as_bytes(with("version", "0", "4294967296"))));
}

TEST(InBand, HostileBytesAreOnlyRefused) {
  const auto decode = [](core::Bytes bytes) {
    static_cast<void>(decode_announcement(bytes));
    static_cast<void>(decode_dictionary(bytes));
    static_cast<void>(decode_end(bytes));
  };
  bombard(encode(some_announcement()), kAnnouncementPrefix.size(), decode);
  bombard(encode(Dictionary{.tape = core::TapeId(1), .names = {"a", "bc", "def"}}), kDictionaryPrefix.size(), decode);
  bombard(encode(EndOfTape{.publisher = 1, .records_sent = {{core::Lane(3), 4}}}), kEndPrefix.size(), decode);
}

TEST(InBand, ATruncatedMessageIsRefused) {
  const Message message = encode(Dictionary{.tape = core::TapeId(1), .names = {"a", "bc", "def"}});
  for (size_t size = 0; size < message.size(); ++size)
    EXPECT_FALSE(decode_dictionary(core::Bytes(message).first(size)));
}

}  // namespace
}  // namespace tapedeck::transport
