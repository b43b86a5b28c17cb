#include "engine/tape/ledger.h"

#include <limits>

#include "engine/tape/ledger_reader.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

Loss loss_number(uint64_t i) {
  return {.source = SourceId(static_cast<uint32_t>(i % 3)),
          .cause = static_cast<LossCause>(1 + i % 4),
          .first = i * 10,
          .count = i,
          .time = Nanos(i * 1000),
          .session = std::string(i % 17, 's')};
}

void expect_equal(const Loss& a, const Loss& b) {
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.cause, b.cause);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.session, b.session);
}

class LedgerTest : public TapeTest {};

TEST_F(LedgerTest, GivesBackItsEntriesInOrderOverManyFrames) {
  constexpr uint64_t kCount = 10'000;
  TapeMaker tape(folder_ / "t", {});
  tape.add(some_messages(1));
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_TRUE(tape.writer().note_loss(loss_number(i)));
  const Manifest manifest = tape.seal();
  EXPECT_EQ(manifest.gaps, kCount);
  EXPECT_EQ(manifest.messages_lost, kCount * (kCount - 1) / 2);
  EXPECT_EQ(manifest.ledger_bytes, std::filesystem::file_size(folder_ / "t" / kLedgerName));
  const auto losses = open_sound(folder_ / "t").losses();
  ASSERT_TRUE(losses);
  ASSERT_EQ(losses->size(), kCount);
  for (uint64_t i = 0; i < kCount; ++i) expect_equal((*losses)[i], loss_number(i));
  EXPECT_TRUE(verify_at(folder_ / "t").clean());
}

Loss lost_records(uint64_t first, uint64_t count) {
  return {.cause = LossCause::kLostRecords, .lane = Lane(0), .first = first, .count = count, .session = {}};
}

TEST_F(LedgerTest, LostRecordsAreToldOnceHoweverOftenItHasThem) {
  TapeMaker tape(folder_ / "t", {.lanes = 1});
  tape.add(some_messages(10));
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  for (const Loss& loss : {lost_records(12, 5), lost_records(0, 13), lost_records(14, 1), lost_records(20, 2),
                           lost_records(kMost - 1, kMost)}) {
    ASSERT_TRUE(tape.writer().note_loss(loss));
  }
  tape.seal();
  const auto reader = TapeReader::open(folder_ / "t");
  ASSERT_TRUE(reader) << reader.error().message;
  std::vector<std::pair<uint64_t, uint64_t>> stretches;
  for (const Loss& loss : reader->lost_records()) stretches.emplace_back(loss.first, loss.count);
  using Stretch = std::pair<uint64_t, uint64_t>;
  EXPECT_THAT(stretches, ::testing::ElementsAre(Stretch(10, 3), Stretch(13, 4), Stretch(20, 2), Stretch(kMost - 1, 1)));
}

// Takes minutes where each of them is looked for in each block.
TEST_F(LedgerTest, AMillionLossesOfALaneOfThousandsOfBlocksAreOneReport) {
  TapeMaker tape(folder_ / "t", {.lanes = 1, .block_bytes = 4096});
  const std::vector<Message> messages = some_messages(20'000);
  for (size_t i = 0; i < messages.size(); ++i) {
    tape.add(messages[i]);
    if (i % 4 == 3) tape.end_blocks();
  }
  constexpr uint64_t kCount = 1'000'000;
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(tape.writer().note_loss(lost_records(messages.size() + 2 * i, 1)));
  }
  tape.seal();
  const auto reader = TapeReader::open(folder_ / "t");
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->lost_records().size(), kCount);
  ASSERT_EQ(reader->damage().size(), 1u);
  EXPECT_EQ(reader->damage()[0].records_lost, kCount);
}

TEST_F(LedgerTest, IsAbsentFromATapeWithoutLosses) {
  TapeMaker tape(folder_ / "t", {});
  tape.add(some_messages(1));
  EXPECT_EQ(tape.seal().ledger_bytes, 0u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "t" / kLedgerName));
  EXPECT_EQ(open_sound(folder_ / "t").losses()->size(), 0u);
}

TEST_F(LedgerTest, IsCountedAnewWhereTheManifestIsMissingOrNotSealed) {
  const auto expect_two_entries = [&] {
    const auto tape = TapeReader::open(folder_ / "t");
    ASSERT_TRUE(tape) << tape.error().message;
    EXPECT_EQ(tape->manifest().gaps, 2u);
    EXPECT_EQ(tape->manifest().messages_lost, 4u);
  };
  write_small_tape(folder_ / "t", Codec::kNone);
  std::filesystem::remove(folder_ / "t" / kManifestName);
  expect_two_entries();
  std::filesystem::remove_all(folder_ / "t");
  {
    TapeMaker tape(folder_ / "t", {});
    ASSERT_TRUE(tape.writer().note_loss({.count = 1}));
    ASSERT_TRUE(tape.writer().note_loss({.count = 3}));
    tape.end_blocks();
  }
  expect_two_entries();
}

TEST_F(LedgerTest, OfAnotherTapeIsDamage) {
  write_small_tape(folder_ / "a", Codec::kNone);
  TapeMaker other(folder_ / "b", {});
  ASSERT_TRUE(other.writer().note_loss({.count = 1}));
  other.seal();
  std::filesystem::copy_file(folder_ / "b" / kLedgerName, folder_ / "a" / kLedgerName,
                             std::filesystem::copy_options::overwrite_existing);
  const Verification found = verify_at(folder_ / "a");
  ASSERT_FALSE(found.clean());
  EXPECT_THAT(found.damage[0].what, ::testing::HasSubstr("another tape"));
}

TEST_F(LedgerTest, WithoutEntriesThatTheManifestCountsIsDamage) {
  write_small_tape(folder_ / "t", Codec::kNone);
  std::filesystem::remove(folder_ / "t" / kLedgerName);
  EXPECT_FALSE(verify_at(folder_ / "t").clean());
}

TEST(Losses, KeepSixteenBytesOfTheSession) {
  const std::vector<std::byte> body = encode_losses({{.session = "0123456789abcdefg"}, {.session = ""}});
  const auto losses = decode_losses(body);
  ASSERT_TRUE(losses);
  EXPECT_EQ((*losses)[0].session, "0123456789abcdef");
  EXPECT_EQ((*losses)[1].session, "");
}

TEST(Losses, AreRefusedInBytesThatAreNoNumberOfEntries) {
  const std::vector<std::byte> body = encode_losses({{.session = ""}});
  EXPECT_EQ(body.size(), 48u);
  EXPECT_FALSE(decode_losses(Bytes(body).first(47)));
}

}  // namespace
}  // namespace tapedeck::tape
