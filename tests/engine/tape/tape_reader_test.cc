#include "engine/tape/tape_reader.h"

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

class TapeReaderTest : public TapeTest {
 protected:
  TapeReaderTest() { write_small_tape(tape_, Codec::kNone); }

  static core::Error error_of(const fs::path& path) {
    const auto tape = TapeReader::open(path);
    EXPECT_FALSE(tape) << path;
    return tape ? core::Error{} : tape.error();
  }

  // Opens a tape of which something is damaged, and expects a report that says so in these words.
  static TapeReader open_damaged(const fs::path& path, const std::string& file, const std::string& what) {
    auto tape = TapeReader::open(path);
    if (!tape) throw std::runtime_error(tape.error().message);
    EXPECT_THAT(tape->damage(), Contains(AllOf(Field(&DamageReport::file, fs::path(file)),
                                               Field(&DamageReport::what, HasSubstr(what)))));
    return std::move(*tape);
  }

  static std::vector<Message> read_despite_damage(const TapeReader& tape) {
    std::vector<DamageReport> damage;
    return read_in_order(tape, damage);
  }

  const fs::path tape_ = folder_ / "t";
};

TEST_F(TapeReaderTest, SaysWhatIsNoTape) {
  fs::create_directories(folder_ / "empty");
  fs::create_directories(folder_ / "foreign");
  store(folder_ / "foreign" / "notes.txt", "hello");
  store(folder_ / "file", "hello");
  EXPECT_THAT(error_of(folder_ / "absent").message, HasSubstr("no such file"));
  EXPECT_THAT(error_of(folder_ / "empty").message, HasSubstr("is not a tape"));
  EXPECT_THAT(error_of(folder_ / "foreign").message, HasSubstr("is not a tape"));
  EXPECT_THAT(error_of(folder_ / "file").message, HasSubstr("a tape is a directory"));
  store(folder_ / "foreign" / kManifestName, "{\"name\": \"of something else\"}");
  EXPECT_THAT(error_of(folder_ / "foreign").message, HasSubstr("not the manifest of a tape"));
  for (const char* name : {"absent", "empty", "file"}) {
    EXPECT_EQ(error_of(folder_ / name).code, core::ExitCode::kFailed) << name;
  }
}

TEST_F(TapeReaderTest, IgnoresFilesThatAreNotItsOwn) {
  store(tape_ / "README.txt", "recorded on a Monday");
  store(tape_ / "lane-0000" / "000000.seg.orig", "x");
  store(tape_ / "lane-0000" / "0.seg", "x");
  fs::create_directory(tape_ / "lane-0");
  fs::create_directory(tape_ / "lane-9999");
  EXPECT_EQ(read_in_order(open_sound(tape_)), small_tape_messages());
}

TEST_F(TapeReaderTest, RefusesAManifestOfAnotherVersion) {
  std::string text = load(tape_ / kManifestName);
  text.replace(text.find("\"tapedeck_tape\": 0"), 18, "\"tapedeck_tape\": 1");
  store(tape_ / kManifestName, sign_manifest(text));
  const core::Error error = error_of(tape_);
  EXPECT_EQ(error.code, core::ExitCode::kFailed);
  EXPECT_THAT(error.message, AllOf(HasSubstr("version 1"), HasSubstr("version 0")));
}

TEST_F(TapeReaderTest, RefusesASegmentOfAnotherVersion) {
  std::string file = load(tape_ / "lane-0001" / "000001.seg");
  file[offsetof(SegmentHeader, version)] = 1;
  sign_header(file, 0);
  store(tape_ / "lane-0001" / "000001.seg", file);
  for (const bool manifest : {true, false}) {
    if (!manifest) fs::remove(tape_ / kManifestName);
    const core::Error error = error_of(tape_);
    EXPECT_EQ(error.code, core::ExitCode::kFailed);
    EXPECT_THAT(error.message,
                AllOf(HasSubstr("lane-0001/000001.seg"), HasSubstr("version 1"), HasSubstr("version 0")));
  }
}

TEST_F(TapeReaderTest, RebuildsAMissingManifestFromTheSegments) {
  const std::string digest = digest_of(open_sound(tape_));
  fs::remove(tape_ / kManifestName);
  const TapeReader tape = open_damaged(tape_, "manifest.json", "No such file");
  EXPECT_EQ(tape.id(), TapeId(0x1122334455667788));
  EXPECT_EQ(tape.manifest().topics, 2u);
  EXPECT_EQ(tape.manifest().gaps, 2u);
  EXPECT_EQ(digest_of(tape), digest);
  EXPECT_EQ(read_in_order(tape), small_tape_messages());
  EXPECT_EQ(tape.damage().size(), 1u);
}

TEST_F(TapeReaderTest, RebuildsAMissingManifestThoughTheFirstSegmentHeaderIsDamaged) {
  fs::remove(tape_ / kManifestName);
  std::string file = load(tape_ / "lane-0000" / "000000.seg");
  file[0] = 'X';
  store(tape_ / "lane-0000" / "000000.seg", file);
  const TapeReader tape = open_damaged(tape_, "lane-0000/000000.seg", "header damaged");
  EXPECT_EQ(read_despite_damage(tape), small_tape_messages());
}

TEST_F(TapeReaderTest, ReadsAnUnsealedTapeUpToItsLastBlock) {
  const std::vector<Message> messages = some_messages(1000, 3);
  {
    TapeMaker maker(folder_ / "u", {.lanes = 3, .block_bytes = 4096, .segment_bytes = 9000});
    maker.add(std::vector(messages.begin(), messages.begin() + 900));
    maker.end_blocks();
    maker.add(std::vector(messages.begin() + 900, messages.begin() + 910));  // these stay in open blocks
  }
  const TapeReader tape = open_damaged(folder_ / "u", "manifest.json", "not sealed");
  EXPECT_EQ(tape.damage().size(), 1u);
  EXPECT_EQ(read_in_order(tape), std::vector(messages.begin(), messages.begin() + 900));
  EXPECT_EQ(tape.manifest().topics, 3u);
  const Verification found = verify_at(folder_ / "u");
  EXPECT_FALSE(found.clean());
  EXPECT_EQ(found.records, 900u);
  EXPECT_EQ(found.damaged_blocks, 0u);
}

TEST_F(TapeReaderTest, ReadsATapeThatIsBeingRecorded) {
  const std::vector<Message> messages = some_messages(100, 2);
  TapeMaker maker(folder_ / "u", {.lanes = 2});
  for (size_t i = 0; i < messages.size(); i += 10) {
    maker.add(std::vector(messages.begin() + static_cast<std::ptrdiff_t>(i),
                          messages.begin() + static_cast<std::ptrdiff_t>(i) + 10));
    maker.end_blocks();
    const auto tape = TapeReader::open(folder_ / "u");
    ASSERT_TRUE(tape);
    EXPECT_EQ(read_despite_damage(*tape).size(), i + 10);
  }
}

TEST_F(TapeReaderTest, ReportsAMissingSegmentWithTheRecordsThatItHad) {
  fs::remove(tape_ / "lane-0000" / "000000.seg");
  const TapeReader tape = open_damaged(tape_, "lane-0000", "segments 0 to 0 are missing");
  open_damaged(tape_, "lane-0000", "the manifest says");
  EXPECT_THAT(tape.damage(), Contains(Field(&DamageReport::records_lost, 4u)));
  EXPECT_EQ(verify_at(tape_).records_lost, 4u);
  EXPECT_EQ(read_despite_damage(tape).size(), 8u);
}

TEST_F(TapeReaderTest, ReportsAMissingLastSegmentAndAMissingLane) {
  fs::remove(tape_ / "lane-0000" / "000001.seg");
  open_damaged(tape_, "lane-0000", "the manifest says");
  EXPECT_EQ(verify_at(tape_).records_lost, 2u);
  fs::remove_all(tape_ / "lane-0000");
  const TapeReader tape = open_damaged(tape_, "lane-0000", "0 segments");
  EXPECT_EQ(verify_at(tape_).records_lost, 6u);
  EXPECT_EQ(read_despite_damage(tape).size(), 6u);
}

TEST_F(TapeReaderTest, ReportsALaneThatTheManifestDoesNotKnow) {
  fs::copy(tape_ / "lane-0001", tape_ / "lane-0002");
  open_damaged(tape_, "lane-0002/000000.seg", "segment 0 of lane 1, misplaced");
  const TapeReader tape = open_damaged(tape_, "lane-0002", "does not know this lane");
  EXPECT_EQ(read_despite_damage(tape), small_tape_messages());
}

TEST_F(TapeReaderTest, LeavesOutASegmentOfAnotherTape) {
  TapeMaker other(folder_ / "o", {.lanes = 1});
  other.add(some_messages(5));
  other.seal();
  fs::copy(folder_ / "o" / "lane-0000" / "000000.seg", tape_ / "lane-0000" / "000000.seg",
           fs::copy_options::overwrite_existing);
  const TapeReader tape = open_damaged(tape_, "lane-0000/000000.seg", "belongs to another tape");
  EXPECT_EQ(read_despite_damage(tape).size(), 8u);
}

TEST_F(TapeReaderTest, LeavesOutSegmentsThatWereExchanged) {
  fs::rename(tape_ / "lane-0000" / "000000.seg", folder_ / "x");
  fs::rename(tape_ / "lane-0000" / "000001.seg", tape_ / "lane-0000" / "000000.seg");
  fs::rename(folder_ / "x", tape_ / "lane-0000" / "000001.seg");
  const TapeReader tape = open_damaged(tape_, "lane-0000/000000.seg", "segment 1 of lane 0, misplaced");
  EXPECT_EQ(read_despite_damage(tape).size(), 6u);
  EXPECT_EQ(verify_at(tape_).records_lost, 6u);
}

TEST_F(TapeReaderTest, LeavesOutLanesThatWereExchanged) {
  fs::rename(tape_ / "lane-0000", folder_ / "x");
  fs::rename(tape_ / "lane-0001", tape_ / "lane-0000");
  fs::rename(folder_ / "x", tape_ / "lane-0001");
  const TapeReader tape = open_damaged(tape_, "lane-0000/000000.seg", "segment 0 of lane 1, misplaced");
  EXPECT_TRUE(tape.lanes().empty());
  EXPECT_EQ(verify_at(tape_).records_lost, 12u);
}

TEST_F(TapeReaderTest, SkipsLanesOfKindsThatItDoesNotRead) {
  for (const auto& name : {"000000.seg", "000001.seg"}) {
    std::string file = load(tape_ / "lane-0001" / name);
    file[offsetof(SegmentHeader, lane_kind)] = 99;
    sign_header(file, 0);
    store(tape_ / "lane-0001" / name, file);
  }
  std::string text = load(tape_ / kManifestName);
  text.replace(text.rfind("\"kind\": \"data\""), 14, "\"kind\": \"wxyz\"");
  store(tape_ / kManifestName, sign_manifest(text));
  const TapeReader tape = open_sound(tape_);
  ASSERT_EQ(tape.lanes().size(), 1u);
  EXPECT_EQ(tape.lanes()[0].summary.lane, Lane(0));
  EXPECT_TRUE(verify_at(tape_).clean());
}

TEST_F(TapeReaderTest, LoadsTheBlocksOfTopicsWhereAsked) {
  const auto without = TapeReader::open(tape_);
  ASSERT_TRUE(without);
  EXPECT_TRUE(without->lanes()[0].segments[0].index.topics.empty());
  const auto with = TapeReader::open(tape_, {.topic_blocks = true});
  ASSERT_TRUE(with);
  const auto& topics = with->lanes()[0].segments[0].index.topics;
  ASSERT_EQ(topics.size(), 1u);
  EXPECT_EQ(topics[0].name.name, "TEST/A");
  EXPECT_EQ(topics[0].blocks, (std::vector<uint32_t>{0, 1}));
}

TEST_F(TapeReaderTest, PutsDamageIntoASentence) {
  EXPECT_EQ(
      to_sentence({.file = "lane-0001/000002.seg", .offset = 64, .size = 160, .records_lost = 3, .what = "cut short"}),
      "lane-0001/000002.seg: 160 bytes at offset 64: cut short (3 records lost)");
  EXPECT_EQ(to_sentence({.file = "manifest.json", .what = "it is missing"}), "manifest.json: it is missing");
}

}  // namespace
}  // namespace tapedeck::tape
