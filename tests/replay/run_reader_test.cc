#include "replay/run_reader.h"

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr uint64_t kStart_ns = 1'500'000'000'000'000'000;

// Two lanes that take turns, a block of one record each; record N a second after record N - 1.
class RunReaderTest : public tape::TapeTest {
 protected:
  void SetUp() override {
    tape::TapeMaker maker(folder_ / "t", {.lanes = 2});
    for (uint64_t i = 0; i < 4; ++i) {
      maker.add({.lane = static_cast<uint16_t>(i % 2),
                 .topic = "X/A",
                 .payload = std::to_string(i),
                 .time_ns = kStart_ns + i * 1'000'000'000,
                 .ordinal = i});
      maker.end_blocks();
    }
    maker.seal();
  }

  // The payloads of the records that a reader gives, each with its pass.
  std::vector<std::pair<uint32_t, std::string>> read(uint32_t passes, size_t runs_max,
                                                     const LaneShare& lanes = both()) {
    const auto tape = tape::TapeReader::open(folder_ / "t", {});
    EXPECT_TRUE(tape) << tape.error().message;
    const auto selection = Selection::make(*tape, {});
    core::BufferPool pool(1, kRunOverhead + run_bytes_max(*tape, false, 1));
    RunReader reader({.tape = *tape,
                      .selection = *selection,
                      .batch_bytes = 1,
                      .whole_blocks = core::File::Mode::kRead,
                      .passes = passes},
                     lanes);
    std::vector<std::pair<uint32_t, std::string>> records;
    for (Read read{}; read != Read::kEnd && records.size() < runs_max;) {
      replay::Run run;
      run.buffer = core::BufferLease(pool.acquire(core::StopFlag()));
      read = reader.read(run);
      if (read != Read::kRun) continue;
      tape::BlockOpener opener;
      tape::BlockView block;
      EXPECT_EQ(opener.open(run.blocks(), block), tape::Damage::kNone);
      records.emplace_back(run.pass, core::as_text((*block.begin()).payload()));
    }
    damage_ = reader.damage();
    return records;
  }

  static LaneShare both() { return {core::Lane(0), core::Lane(1)}; }

  std::vector<tape::DamageReport> damage_;
};

TEST_F(RunReaderTest, ReadsLanesInTheOrderOfTapeTimePassByPass) {
  EXPECT_THAT(read(2, 100), ElementsAre(Pair(0, "0"), Pair(0, "1"), Pair(0, "2"), Pair(0, "3"), Pair(1, "0"),
                                        Pair(1, "1"), Pair(1, "2"), Pair(1, "3")));
  EXPECT_THAT(read(1, 100, {core::Lane(1)}), ElementsAre(Pair(0, "1"), Pair(0, "3")));
}

TEST_F(RunReaderTest, GoesOnForEverWithoutANumberOfPasses) {
  const auto records = read(0, 401);
  ASSERT_THAT(records, SizeIs(401));
  EXPECT_EQ(records.back(), (std::pair<uint32_t, std::string>(100, "0")));
}

TEST_F(RunReaderTest, EndsAfterAPassThatGivesNothing) { EXPECT_THAT(read(0, 100, {}), IsEmpty()); }

TEST_F(RunReaderTest, InOrderOfArrivalItComesBackNowAndThenWhereLittleIsWanted) {
  tape::TapeMaker maker(folder_ / "rare", {.lanes = 2});
  for (uint64_t i = 0; i < 20'000; ++i) {
    maker.add({.lane = static_cast<uint16_t>(i % 2),
               .topic = i == 19'000 ? "X/RARE" : "X/A",
               .payload = "p",
               .time_ns = kStart_ns + i,
               .ordinal = i});
  }
  maker.seal();
  const auto tape = tape::TapeReader::open(folder_ / "rare", {.topic_blocks = true});
  ASSERT_TRUE(tape) << tape.error().message;
  const auto selection = Selection::make(*tape, {.topics = {.names = {"X/RARE"}}});
  ASSERT_TRUE(selection) << selection.error().message;
  core::BufferPool pool(1, kRunOverhead + run_bytes_max(*tape, true, 1));
  RunReader reader({.tape = *tape,
                    .selection = *selection,
                    .batch_bytes = 1,
                    .whole_blocks = core::File::Mode::kRead,
                    .order = Order::kOfArrival},
                   both());
  replay::Run run;
  run.buffer = core::BufferLease(pool.acquire(core::StopFlag()));
  size_t nothing = 0;
  Read read = reader.read(run);
  for (; read == Read::kNothing; read = reader.read(run)) ++nothing;
  EXPECT_EQ(read, Read::kRun);
  EXPECT_EQ(run.piece.records, 1u);
  EXPECT_GT(nothing, 0u);
  do read = reader.read(run);
  while (read == Read::kNothing);
  EXPECT_EQ(read, Read::kEnd);
}

TEST_F(RunReaderTest, TellsDamageOfEachPassAndGoesOnBehindIt) {
  const auto path = folder_ / "t" / "lane-0000" / "000000.seg";
  std::string bytes = core::read_text_file(path).value();
  bytes[bytes.find("X/A") + 200] ^= 1;
  tape::store(path, bytes);
  const auto records = read(2, 100);
  EXPECT_THAT(damage_, SizeIs(2));
  EXPECT_THAT(records, SizeIs(6));
}

}  // namespace
}  // namespace tapedeck::replay
