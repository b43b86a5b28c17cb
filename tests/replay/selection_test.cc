#include "replay/selection.h"

#include "engine/tape/lane_cursor.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::replay {
namespace {

using core::Nanos;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kFirstTime_ns = 1'500'000'000'000'000'000;

// Three blocks of one lane, ten microseconds each: topics A and B, then A, then B and C.
class SelectionTest : public tape::TapeTest {
 protected:
  SelectionTest() {
    tape::TapeMaker maker(folder_ / "t", {.lanes = 1});
    const std::vector<std::string> topics = {"X/A", "X/B", "X/A", "X/A", "X/B", "Y/C"};
    for (uint64_t i = 0; i < topics.size(); ++i) {
      maker.add({.lane = 0, .topic = topics[i], .payload = "p", .time_ns = kFirstTime_ns + i * 5000, .ordinal = i});
      if (i % 2 == 1) maker.end_blocks();
    }
    maker.seal();
    auto tape = tape::TapeReader::open(folder_ / "t", {.topic_blocks = true});
    tape_.emplace(std::move(*tape));
  }

  [[nodiscard]] std::vector<Wanted> blocks(const SelectionOptions& options) const {
    const auto selection = Selection::make(*tape_, options);
    EXPECT_TRUE(selection) << selection.error().message;
    return selection->of_segment(tape_->lanes()[0].segments[0]);
  }
  // The numbers of the records that are wanted.
  [[nodiscard]] std::vector<uint64_t> records(const SelectionOptions& options) const {
    const auto selection = Selection::make(*tape_, options);
    EXPECT_TRUE(selection) << selection.error().message;
    tape::LaneCursor cursor(*tape_, tape_->lanes()[0]);
    std::vector<uint64_t> wanted;
    uint64_t number = 0;
    while (cursor.next() == tape::LaneCursor::Item::kBlock) {
      for (const tape::RecordView record : cursor.block()) {
        if (selection->wants(record)) wanted.push_back(number);
        ++number;
      }
    }
    return wanted;
  }
  void expect_refused(const SelectionOptions& options, const std::string& why) const {
    const auto selection = Selection::make(*tape_, options);
    ASSERT_FALSE(selection) << why;
    EXPECT_EQ(selection.error().code, core::ExitCode::kUsage);
    EXPECT_THAT(selection.error().message, HasSubstr(why));
  }

  std::optional<tape::TapeReader> tape_;
};

TEST_F(SelectionTest, WithoutOptionsItIsTheWholeTape) {
  EXPECT_THAT(blocks({}), ElementsAre(Wanted::kWhole, Wanted::kWhole, Wanted::kWhole));
  EXPECT_TRUE(Selection::make(*tape_, {})->is_whole_tape());
  EXPECT_EQ(Selection::make(*tape_, {})->start(), Nanos(kFirstTime_ns));
  EXPECT_EQ(Selection::make(*tape_, {})->end(), Nanos(kFirstTime_ns + 25'000));
}

TEST_F(SelectionTest, AStretchOfTimeHasBothItsEnds) {
  const SelectionOptions options{.start = Nanos(kFirstTime_ns + 5000), .end = Nanos(kFirstTime_ns + 15'000)};
  EXPECT_THAT(blocks(options), ElementsAre(Wanted::kPart, Wanted::kWhole, Wanted::kNone));
  EXPECT_THAT(records(options), ElementsAre(1, 2, 3));
  EXPECT_FALSE(Selection::make(*tape_, options)->is_whole_tape());
}

TEST_F(SelectionTest, ANanosecondDecides) {
  EXPECT_THAT(records({.start = Nanos(kFirstTime_ns + 5001), .end = Nanos(kFirstTime_ns + 14'999)}), ElementsAre(2));
}

TEST_F(SelectionTest, OffsetsCountFromTheFirstRecordAndDurationsFromTheStart) {
  EXPECT_THAT(records({.start_offset_ns = 10'000}), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(records({.duration_ns = 10'000}), ElementsAre(0, 1, 2));
  EXPECT_THAT(records({.start_offset_ns = 10'000, .duration_ns = 5'000}), ElementsAre(2, 3));
  EXPECT_THAT(records({.start = Nanos(kFirstTime_ns + 20'000), .duration_ns = INT64_MAX}), ElementsAre(4, 5));
}

TEST_F(SelectionTest, AStretchThatHoldsTheTapeIsTheWholeTape) {
  const auto selection = Selection::make(*tape_, {.start = Nanos(0), .end = Nanos(UINT64_MAX)});
  EXPECT_TRUE(selection->is_whole_tape());
  EXPECT_EQ(selection->start(), Nanos(kFirstTime_ns));
}

TEST_F(SelectionTest, TopicsByNameExpressionAndException) {
  EXPECT_THAT(records({.topics = {.names = {"X/A"}}}), ElementsAre(0, 2, 3));
  EXPECT_THAT(blocks({.topics = {.names = {"X/A"}}}), ElementsAre(Wanted::kPart, Wanted::kWhole, Wanted::kNone));
  EXPECT_THAT(records({.topics = {.regex = "^X"}}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(records({.topics = {.names = {"Y/C"}, .regex = "B$"}}), ElementsAre(1, 4, 5));
  EXPECT_THAT(records({.topics = {.exclude = "[AB]"}}), ElementsAre(5));
  EXPECT_THAT(records({.topics = {.names = {"X/A", "X/B"}, .exclude = "A"}}), ElementsAre(1, 4));
  EXPECT_THAT(records({.start_offset_ns = 5000, .topics = {.names = {"X/B"}}}), ElementsAre(1, 4));
}

TEST_F(SelectionTest, AChoiceOfAllTopicsIsTheWholeTape) {
  EXPECT_TRUE(Selection::make(*tape_, {.topics = {.regex = "."}})->is_whole_tape());
}

TEST_F(SelectionTest, ContradictionsAreRefused) {
  expect_refused({.start = Nanos(1), .start_offset_ns = 1}, "--start and --start-offset");
  expect_refused({.end = Nanos(1), .duration_ns = 1}, "--end and --duration");
  expect_refused({.start = Nanos(kFirstTime_ns + 2), .end = Nanos(kFirstTime_ns + 1)}, "before it starts");
}

TEST_F(SelectionTest, WhatTheTapeDoesNotHaveIsRefused) {
  expect_refused({.start_offset_ns = 26'000}, "ends at");
  expect_refused({.start = Nanos(kFirstTime_ns + 26'000), .end = Nanos(kFirstTime_ns + 27'000)}, "nothing to replay");
  expect_refused({.end = Nanos(kFirstTime_ns - 1)}, "ends at");
  expect_refused({.topics = {.names = {"X/A", "X/Z"}}}, "no topic 'X/Z'; it has 3");
  expect_refused({.topics = {.regex = "nothing"}}, "no topic of the tape is left");
  expect_refused({.topics = {.exclude = "."}}, "no topic of the tape is left");
  expect_refused({.topics = {.regex = "("}}, "bad regular expression '('");
  expect_refused({.topics = {.exclude = "[z-a]"}}, "bad regular expression '[z-a]'");
}

}  // namespace
}  // namespace tapedeck::replay
