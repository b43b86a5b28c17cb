#include "engine/tape/convert.h"

#include "engine/tape/codec.h"
#include "engine/tape/lane_cursor.h"
#include "engine/tape/recover.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ConvertTest : public TapeTest {
 protected:
  core::Result<Conversion> try_convert(const ConvertOptions& options = {}, const ConvertListener& listener = {}) {
    const auto tape = TapeReader::open(from_);
    EXPECT_TRUE(tape) << tape.error().message;
    return convert(*tape, to_, options, stop_, listener);
  }

  Conversion converted(const ConvertOptions& options = {}) {
    fs::remove_all(to_);
    auto conversion = try_convert(options);
    if (!conversion) throw std::runtime_error(conversion.error().message);
    EXPECT_EQ(conversion->digest_read_back, conversion->digest);
    EXPECT_TRUE(verify_at(to_).clean());
    return std::move(*conversion);
  }

  // That both tapes hold the same, all in all.
  void expect_same() const {
    const TapeReader before = open_sound(from_);
    const TapeReader after = open_sound(to_);
    EXPECT_EQ(read_lanes(after), read_lanes(before));
    EXPECT_EQ(read_in_order(after), read_in_order(before));
    EXPECT_EQ(digest_of(after), digest_of(before));
    EXPECT_EQ(after.topic_names(), before.topic_names());
    EXPECT_EQ(after.manifest().topics, before.manifest().topics);
    EXPECT_EQ(after.manifest().lane_count, before.manifest().lane_count);
    EXPECT_EQ(after.manifest().messages_lost, before.manifest().messages_lost);
    EXPECT_EQ(encode_losses(after.losses().value()), encode_losses(before.losses().value()));
    EXPECT_EQ(after.totals().payload_bytes, before.totals().payload_bytes);
    ASSERT_EQ(after.manifest().sources.size(), before.manifest().sources.size());
    for (size_t i = 0; i < after.manifest().sources.size(); ++i) {
      EXPECT_EQ(after.manifest().sources[i].name, before.manifest().sources[i].name);
      EXPECT_EQ(after.manifest().sources[i].protocol, before.manifest().sources[i].protocol);
    }
  }

  void make(const std::vector<Message>& messages, const TapeOptions& options) const {
    TapeMaker maker(from_, options);
    maker.add(messages);
    maker.seal();
  }

  // The first segment of the first lane as text, and where its first block is in it.
  struct FirstBlock {
    fs::path path;
    std::string file;
    BlockRef ref;
  };
  FirstBlock first_block() const {
    const TapeReader tape = open_sound(from_);
    const Segment& segment = tape.lanes().at(0).segments.at(0);
    return {segment.path, load(segment.path), segment.index.blocks.at(0)};
  }

  const fs::path from_ = folder_ / "from";
  const fs::path to_ = folder_ / "to";
  core::StopFlag stop_;
};

TEST_F(ConvertTest, KeepsEverythingFromEachCodecToEach) {
  for (const Codec from : kCodecs) {
    fs::remove_all(from_);
    write_small_tape(from_, from);
    for (const Codec to : kCodecs) {
      SCOPED_TRACE(fmt::format("{} to {}", codec_name(from), codec_name(to)));
      const Conversion conversion = converted({.codec = to});
      EXPECT_TRUE(conversion.damage.empty());
      EXPECT_EQ(conversion.digest, digest_of(open_sound(from_)));
      EXPECT_EQ(open_sound(to_).manifest().codec, to);
      expect_same();
    }
  }
}

TEST_F(ConvertTest, MakesBlocksOfTheSizeThatIsAskedFor) {
  make(some_messages(5000, 3), {.lanes = 5, .block_bytes = 1u << 16});
  const uint64_t blocks = open_sound(from_).totals().blocks;
  EXPECT_GT(converted({.block_bytes = 4096}).manifest.lanes[0].blocks, 2 * blocks);
  expect_same();
  EXPECT_EQ(converted({.block_bytes = 1u << 20}).manifest.lanes[0].blocks, 1u);
  expect_same();
}

TEST_F(ConvertTest, KeepsTheCodecWhereNoneIsAskedFor) {
  write_small_tape(from_, Codec::kZstd);
  EXPECT_EQ(converted().manifest.codec, Codec::kZstd);
}

TEST_F(ConvertTest, MakesATapeWithAnIdOfItsOwn) {
  write_small_tape(from_, Codec::kNone);
  const TapeId first = converted().manifest.id;
  EXPECT_NE(first, open_sound(from_).id());
  EXPECT_NE(first, converted().manifest.id);
}

TEST_F(ConvertTest, KeepsRecordsWithoutSourceTimes) {
  make(some_messages(100, 2), {.lanes = 2, .source_times = false});
  (void)converted({.codec = Codec::kZstd});
  expect_same();
}

TEST_F(ConvertTest, KeepsTopicsAndLanesWithoutRecordsAndAnEmptyTape) {
  TapeMaker maker(from_, {.lanes = 9});
  maker.writer().add_topic("TEST/NEVER");
  maker.add({.lane = 4, .topic = "TEST/A", .payload = "x"});
  maker.writer().add_topic("TEST/NEITHER");
  maker.seal();
  (void)converted();
  expect_same();
  fs::remove_all(from_);
  make({}, {.lanes = 3});
  (void)converted({.codec = Codec::kLz4});
  expect_same();
}

TEST_F(ConvertTest, LeavesOutADamagedBlockAndNamesIt) {
  for (const Codec codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    fs::remove_all(from_);
    write_small_tape(from_, codec);
    FirstBlock block = first_block();
    block.file[block.ref.offset + kHeaderSize] ^= 1;
    store(block.path, block.file);
    const Conversion conversion = converted({.codec = Codec::kZstd});
    ASSERT_EQ(conversion.damage.size(), 1u);
    EXPECT_EQ(conversion.damage[0].file, "lane-0000/000000.seg");
    EXPECT_EQ(conversion.damage[0].records_lost, block.ref.record_count);
    std::vector<DamageReport> damage;
    const auto before = TapeReader::open(from_);
    EXPECT_EQ(conversion.digest, digest_of(*before, damage));
    EXPECT_EQ(read_lanes(open_sound(to_)), read_lanes(*before, damage));
    const Loss loss = open_sound(to_).losses().value().back();
    EXPECT_EQ(loss.cause, LossCause::kNotConverted);
    EXPECT_EQ(loss.lane, Lane(0));
    EXPECT_EQ(loss.first, 0u);
    EXPECT_EQ(loss.count, block.ref.record_count);
  }
}

TEST_F(ConvertTest, EntersRecordsThatAreMissingInTheLedger) {
  write_small_tape(from_, Codec::kNone);
  const uint64_t records = open_sound(from_).totals().records;
  fs::remove(from_ / lane_folder(Lane(1)) / segment_name(1));
  for (const bool is_recovered : {false, true}) {
    if (is_recovered) {
      ASSERT_TRUE(recover(from_));
    }
    const Conversion conversion = converted();
    EXPECT_FALSE(conversion.damage.empty());
    const Loss loss = open_sound(to_).losses().value().back();
    EXPECT_EQ(loss.cause, LossCause::kNotConverted);
    EXPECT_EQ(loss.lane, Lane(1));
    EXPECT_EQ(loss.count, records - open_sound(to_).totals().records);
  }
}

TEST_F(ConvertTest, FailsWhereTheLedgerReadsBackAsSomethingElse) {
  write_small_tape(from_, Codec::kNone);
  const auto conversion = try_convert({}, [&](const ConvertProgress& progress) {
    if (!progress.reads_back || progress.records > 0) return;
    std::string file = load(to_ / kLedgerName);
    file[kHeaderSize + kHeaderSize + 24] ^= 1;  // the time of an entry
    const auto* const header = reinterpret_cast<const std::byte*>(file.data()) + kHeaderSize;
    sign_frame(file, kHeaderSize, kHeaderSize + core::load_le<uint32_t>(header + offsetof(BlockHeader, stored_size)));
    store(to_ / kLedgerName, file);
  });
  ASSERT_FALSE(conversion);
  EXPECT_THAT(conversion.error().message, HasSubstr("another ledger"));
}

TEST_F(ConvertTest, KeepsRecordsWhoseTopicsHaveLostTheirNames) {
  make(some_messages(10), {.lanes = 1});
  FirstBlock block = first_block();
  block.file[kHeaderSize + kHeaderSize] ^= 1;  // in the dictionary before it
  store(block.path, block.file.substr(0, block.ref.offset + block.ref.frame_size));
  EXPECT_FALSE(converted().damage.empty());
  const TapeReader after = open_sound(to_);
  EXPECT_EQ(after.totals().records, 10u);
  EXPECT_EQ(after.topic_names(), std::vector<std::string>{""});
}

TEST_F(ConvertTest, LeavesOutWhatMakesNoSenseThoughItsChecksumsHold) {
  write_small_tape(from_, Codec::kNone);
  const FirstBlock block = first_block();
  const auto expect_left_out = [&](size_t offset, uint32_t value) {
    std::string forged = block.file;
    core::store_le(reinterpret_cast<std::byte*>(forged.data()) + offset, value);
    sign_frame(forged, block.ref.offset, block.ref.frame_size);
    store(block.path, forged);
    const Conversion conversion = converted();
    ASSERT_EQ(conversion.damage.size(), 1u);
    EXPECT_EQ(conversion.damage[0].what, damage_name(Damage::kStructure));
    EXPECT_EQ(open_sound(to_).totals().records, small_tape_messages().size() - block.ref.record_count);
  };
  expect_left_out(block.ref.offset + kHeaderSize + 8, kTopicsMax);  // the topic of a record
  expect_left_out(block.ref.offset + block.ref.frame_size - 4, 8);  // the size of the side column
}

TEST_F(ConvertTest, FailsWhereTheNewTapeReadsBackAsSomethingElse) {
  write_small_tape(from_, Codec::kNone);
  const auto conversion = try_convert({}, [&](const ConvertProgress& progress) {
    if (!progress.reads_back || progress.records > 0) return;
    const fs::path path = to_ / lane_folder(Lane(0)) / segment_name(0);
    std::string file = load(path);
    file[file.size() / 2] ^= 1;
    store(path, file);
  });
  ASSERT_FALSE(conversion);
  EXPECT_EQ(conversion.error().code, core::ExitCode::kFailed);
  EXPECT_THAT(conversion.error().message, HasSubstr(digest_of(open_sound(from_))));
  std::vector<DamageReport> damage;
  EXPECT_THAT(conversion.error().message, HasSubstr(digest_of(*TapeReader::open(to_), damage)));
}

TEST_F(ConvertTest, EndsWhenAskedToAndLeavesNoTapeThatLooksSealed) {
  make(some_messages(100, 3), {.lanes = 3});
  const auto conversion = try_convert({}, [&](const ConvertProgress&) { stop_.request(); });
  ASSERT_FALSE(conversion);
  EXPECT_EQ(conversion.error().code, core::ExitCode::kInterrupted);
  EXPECT_FALSE(TapeReader::open(to_)->manifest().sealed);
}

TEST_F(ConvertTest, TellsHowFarItIsAtTheStartOfBothPasses) {
  make(some_messages(100, 3), {.lanes = 3});
  std::vector<ConvertProgress> told;
  ASSERT_TRUE(try_convert({}, [&](const ConvertProgress& progress) { told.push_back(progress); }));
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told.front().records_total, 100u);
  EXPECT_FALSE(told.front().reads_back);
  EXPECT_TRUE(told.back().reads_back);
}

TEST_F(ConvertTest, RefusesATapeWithLanesOfOtherKinds) {
  write_small_tape(from_, Codec::kNone);
  std::string manifest = load(from_ / kManifestName);
  const size_t kind = manifest.rfind("\"data\"");
  store(from_ / kManifestName, sign_manifest(manifest.replace(kind, 6, "\"packet\"")));
  const auto conversion = try_convert();
  ASSERT_FALSE(conversion);
  EXPECT_THAT(conversion.error().message, HasSubstr("lane 1"));
  EXPECT_FALSE(fs::exists(to_));
}

TEST_F(ConvertTest, RefusesBlockSizesThatCannotBeAndATapeThatIsThere) {
  write_small_tape(from_, Codec::kNone);
  EXPECT_EQ(try_convert({.block_bytes = 100}).error().code, core::ExitCode::kUsage);
  (void)converted();
  EXPECT_THAT(try_convert().error().message, HasSubstr("not empty"));
}

}  // namespace
}  // namespace tapedeck::tape
