#include "tools/synth/fixed_tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "engine/tape/lane_of.h"
#include "engine/tape/ordered_merge.h"
#include "engine/tape/verify.h"
#include "tests/scratch_folder.h"

namespace tapedeck::synth {
namespace {

using tape::OrderedMerge;
using tape::TapeReader;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TapeReader make(const ScratchFolder& folder, const FixedTapeOptions& options, std::string_view name = "f.tape") {
  const core::StopFlag stop;
  const auto report = write_fixed_tape(folder / name, options, stop);
  EXPECT_TRUE(report) << report.error().message;
  auto tape = TapeReader::open(folder / name);
  EXPECT_TRUE(tape) << tape.error().message;
  EXPECT_THAT(tape->damage(), IsEmpty());
  return std::move(*tape);
}

void for_each(const TapeReader& tape, const std::function<void(const OrderedMerge::Item&)>& see) {
  OrderedMerge merge(tape, [](const tape::DamageReport& damage) { ADD_FAILURE() << to_sentence(damage); });
  while (const auto item = merge.next()) see(*item);
}

std::string digest_of(const TapeReader& tape) {
  const auto verification = tape::verify(tape);
  EXPECT_TRUE(verification && verification->clean());
  return tape::tape_digest(verification->digests);
}

uint64_t number_of(tape::RecordView record) {
  uint64_t number = 0;
  std::memcpy(&number, record.payload().data(), std::min<size_t>(8, record.payload().size()));
  return number;
}

TEST(FixedTape, HoldsTheMessagesInOrderOnTopicsInTurn) {
  const ScratchFolder folder;
  const TapeReader tape = make(folder, {.messages = 30'000, .topics = 300, .mean_rate = 3'000'000});
  EXPECT_EQ(tape.manifest().lane_count, 16u);
  ASSERT_EQ(tape.topic_names().size(), 300u);
  EXPECT_EQ(tape.topic_names()[0], "fixed/T0001");
  EXPECT_EQ(tape.topic_names()[299], "fixed/T0300");
  uint64_t number = 0;
  for_each(tape, [&](const OrderedMerge::Item& item) {
    ASSERT_EQ(number_of(item.record), number);
    ASSERT_EQ(item.record.payload().size(), 100u);
    ASSERT_EQ(item.record.bytes().size(), 120u);
    ASSERT_EQ(item.record.source_time().value, 0u);
    ASSERT_EQ(item.record.capture_time().value, 1'704'205'800'000'000'000 + number * 1000 / 3);
    ASSERT_EQ(item.record.topic().value, number % 300);
    ASSERT_EQ(item.arrival.ordinal.value, number);
    ++number;
  });
  EXPECT_EQ(number, 30'000u);
}

TEST(FixedTape, KeepsEachTopicInTheLaneOfItsKey) {
  const ScratchFolder folder;
  FixedTapeOptions options{.messages = 5000, .topics = 1000};
  options.tape.lanes = 7;
  for_each(make(folder, options), [&](const OrderedMerge::Item& item) {
    const uint32_t topic = item.record.topic().value;
    const auto key = std::as_bytes(std::span(&topic, 1));
    ASSERT_EQ(item.lane, tape::lane_of("fixed", key, 7));
  });
}

TEST(FixedTape, SameSeedGivesTheSameDigest) {
  const ScratchFolder folder;
  const std::string first = digest_of(make(folder, {.messages = 20'000, .seed = 4}, "a"));
  EXPECT_EQ(digest_of(make(folder, {.messages = 20'000, .seed = 4}, "b")), first);
  EXPECT_NE(digest_of(make(folder, {.messages = 20'000, .seed = 5}, "c")), first);
}

TEST(FixedTape, GivesTheRecordsThatItAlwaysGave) {
  const ScratchFolder folder;
  EXPECT_EQ(digest_of(make(folder, {.messages = 1000, .seed = 1})), "7098b719");
}

TEST(FixedTape, SpreadsMessagesOverTopicsByZipfWhenAsked) {
  const ScratchFolder folder;
  std::vector<uint32_t> counts(10);
  for_each(make(folder, {.messages = 20'000, .topics = 10, .zipf = 1}),
           [&](const OrderedMerge::Item& item) { ++counts.at(item.record.topic().value); });
  const double sum = 7381.0 / 2520;  // of 1/1 to 1/10
  for (uint32_t rank = 1; rank <= 10; ++rank) EXPECT_NEAR(counts[rank - 1], 20'000 / sum / rank, 350);
}

// Heads compress, so a record of 120 bytes may shrink to about 105.
TEST(FixedTape, GivesLz4NothingToFindInPayloadsHoweverLongTheTape) {
  const ScratchFolder folder;
  const core::StopFlag stop;
  FixedTapeOptions options{.messages = 200'000};
  options.tape.codec = tape::Codec::kLz4;
  const auto report = write_fixed_tape(folder / "f.tape", options, stop);
  ASSERT_TRUE(report);
  EXPECT_GT(report->bytes, 200'000u * 100);
}

TEST(FixedTape, ReportsTheBytesOnDisk) {
  const ScratchFolder folder;
  const core::StopFlag stop;
  const auto report = write_fixed_tape(folder / "f.tape", {.messages = 10'000}, stop);
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "f.tape")) {
    if (entry.path().extension() == ".seg") bytes += entry.file_size();
  }
  EXPECT_EQ(report->bytes, bytes);
  EXPECT_EQ(report->messages, 10'000u);
  EXPECT_EQ(report->packets, 0u);
  EXPECT_EQ(report->names, 1000u);
}

TEST(FixedTape, MakesMessagesOfAnySize) {
  for (const uint32_t size : {1u, 3u, 8u, 65'507u, (1u << 20) + 3, tape::kPayloadBytesMax}) {
    const ScratchFolder folder;
    uint64_t number = 0;
    for_each(make(folder, {.payload_bytes = size, .messages = 5, .topics = 2}), [&](const OrderedMerge::Item& item) {
      ASSERT_EQ(item.record.payload().size(), size);
      ASSERT_EQ(number_of(item.record), number);
      ++number;
    });
    EXPECT_EQ(number, 5u);
  }
}

TEST(FixedTape, MakesAnEmptyTapeOfNoMessages) {
  const ScratchFolder folder;
  EXPECT_EQ(make(folder, {.messages = 0}).totals().records, 0u);
}

TEST(FixedTape, RefusesWhatCannotBeAndSaysWhatToChange) {
  const ScratchFolder folder;
  const auto refusal = [&](const FixedTapeOptions& options) {
    const auto report = write_fixed_tape(folder / "f.tape", options, core::StopFlag());
    if (report) return std::string("accepted");
    EXPECT_EQ(report.error().code, core::ExitCode::kUsage);
    return report.error().message;
  };
  EXPECT_THAT(refusal({.payload_bytes = 0}), HasSubstr("--fixed 0"));
  EXPECT_THAT(refusal({.payload_bytes = tape::kPayloadBytesMax + 1}), HasSubstr("1 to 16777216"));
  EXPECT_THAT(refusal({.topics = 0}), HasSubstr("--topics"));
  EXPECT_THAT(refusal({.topics = kTopicsMax + 1}), HasSubstr("--topics"));
  EXPECT_THAT(refusal({.zipf = 100}), HasSubstr("--zipf"));
  EXPECT_THAT(refusal({.mean_rate = 0}), HasSubstr("--mean-rate"));
  EXPECT_THAT(refusal({.mean_rate = 2'000'000'000}), HasSubstr("--mean-rate"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(FixedTape, EndsWhenItIsAskedTo) {
  const ScratchFolder folder;
  core::StopFlag stop;
  stop.request();
  const auto report = write_fixed_tape(folder / "f.tape", {.messages = 1'000'000}, stop);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, core::ExitCode::kInterrupted);
}

}  // namespace
}  // namespace tapedeck::synth
