#include "engine/feed/sequence_tracker.h"

#include <gtest/gtest.h>

#include <limits>

namespace tapedeck::feed {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

class SequenceTrackerTest : public ::testing::Test {
 protected:
  SequenceStep messages(uint64_t sequence, uint32_t count, uint64_t session = 1) {
    return tracker_.advance({.session = {{session, 0}}, .sequence = sequence, .count = count});
  }
  SequenceStep heartbeat(uint64_t sequence, uint64_t session = 1) { return messages(sequence, 0, session); }

  static void expect_gap(const SequenceStep& step, uint64_t first, uint64_t count) {
    EXPECT_EQ(step.first_missing, first);
    EXPECT_EQ(step.missing, count);
    EXPECT_EQ(step.repeated, 0u);
  }
  static void expect_quiet(const SequenceStep& step) {
    EXPECT_EQ(step.missing, 0u);
    EXPECT_EQ(step.repeated, 0u);
    EXPECT_FALSE(step.new_session);
    EXPECT_FALSE(step.reset);
  }

  SequenceTracker tracker_;
};

TEST_F(SequenceTrackerTest, TakesTheFirstNumberForGranted) {
  expect_quiet(messages(1000, 3));
  expect_quiet(messages(1003, 1));
}

TEST_F(SequenceTrackerTest, NamesTheMessagesThatAGapSwallowed) {
  expect_quiet(messages(10, 2));
  expect_gap(messages(15, 1), 12, 3);
  expect_quiet(messages(16, 1));
}

TEST_F(SequenceTrackerTest, SeesAGapInAHeartbeatAndOnlyOnce) {
  expect_quiet(messages(10, 2));
  expect_quiet(heartbeat(12));
  expect_gap(heartbeat(14), 12, 2);
  expect_quiet(heartbeat(14));
  expect_quiet(messages(14, 1));
}

TEST_F(SequenceTrackerTest, StartsWithAHeartbeatToo) {
  expect_quiet(heartbeat(1));
  expect_gap(messages(3, 1), 1, 2);
}

TEST_F(SequenceTrackerTest, CountsARepeatedPacketAndExpectsTheSameAsBefore) {
  expect_quiet(messages(10, 5));
  EXPECT_EQ(messages(10, 5).repeated, 5u);
  EXPECT_EQ(messages(12, 2).repeated, 2u);
  expect_quiet(heartbeat(9));  // late, and without messages
  expect_quiet(messages(15, 1));
}

TEST_F(SequenceTrackerTest, CountsOnlyTheRepeatedPartOfAPacket) {
  expect_quiet(messages(10, 5));
  const SequenceStep step = messages(13, 4);
  EXPECT_EQ(step.repeated, 2u);
  EXPECT_EQ(step.missing, 0u);
  expect_quiet(messages(17, 1));
}

TEST_F(SequenceTrackerTest, StartsAnewWhenTheNumbersFallBackToOne) {
  expect_quiet(messages(500, 5));
  const SequenceStep step = messages(1, 2);
  EXPECT_TRUE(step.reset);
  EXPECT_EQ(step.repeated, 0u);
  expect_quiet(messages(3, 1));
}

TEST_F(SequenceTrackerTest, DoesNotTakeAHeartbeatOfOneForARestart) {
  expect_quiet(messages(500, 5));
  expect_quiet(heartbeat(1));
  expect_quiet(messages(505, 1));
}

TEST_F(SequenceTrackerTest, PassesOverSequenceZero) {
  expect_quiet(messages(10, 1));
  expect_quiet(messages(0, 3));
  expect_quiet(heartbeat(0, 2));
  expect_quiet(messages(11, 1));
}

TEST_F(SequenceTrackerTest, StartsANewSessionAtItsFirstNumber) {
  expect_quiet(messages(500, 5));
  const SequenceStep step = messages(40, 2, 2);
  EXPECT_TRUE(step.new_session);
  EXPECT_EQ(step.missing, 0u);
  expect_gap(messages(43, 1, 2), 42, 1);
}

TEST_F(SequenceTrackerTest, DoesNotWrapAroundAtTheLargestNumber) {
  expect_quiet(messages(10, 1));
  expect_gap(messages(kMax - 1, 5), 11, kMax - 12);
  EXPECT_EQ(messages(kMax, 3).repeated, 0u);
  EXPECT_EQ(messages(20, 3).repeated, 3u);
}

}  // namespace
}  // namespace tapedeck::feed
