#include "replay/skew_limit.h"

#include <gtest/gtest.h>

namespace tapedeck::replay {
namespace {

TEST(SkewLimit, AShardMayBeAheadOfTheSlowestByTheLimit) {
  SkewLimit skew(2, 10);
  EXPECT_TRUE(skew.advance(0, 0));
  EXPECT_TRUE(skew.advance(0, 5));
  EXPECT_TRUE(skew.advance(0, 10));
  EXPECT_FALSE(skew.advance(0, 11));
  EXPECT_TRUE(skew.advance(1, 1));
  EXPECT_TRUE(skew.advance(0, 11));
}

TEST(SkewLimit, TheSlowestNeverWaits) {
  SkewLimit skew(3, 0);
  EXPECT_TRUE(skew.advance(0, 100));
  EXPECT_TRUE(skew.advance(1, 100));
  for (uint64_t position = 1; position <= 100; ++position) EXPECT_TRUE(skew.advance(2, position));
}

TEST(SkewLimit, TwoRunsBeyondTheSlowestAreAlwaysAllowed) {
  SkewLimit skew(2, 0);
  EXPECT_TRUE(skew.advance(1, 50));
  EXPECT_TRUE(skew.advance(0, 50));
  EXPECT_TRUE(skew.advance(0, 1000));
  EXPECT_TRUE(skew.advance(0, 2000));
  EXPECT_FALSE(skew.advance(0, 3000));
  EXPECT_FALSE(skew.advance(0, 3000)) << "asking again must not help";
}

TEST(SkewLimit, NobodyWaitsForOneThatHasFinished) {
  SkewLimit skew(2, 10);
  EXPECT_TRUE(skew.advance(0, 5));
  skew.finish(1);
  EXPECT_TRUE(skew.advance(0, UINT64_MAX - 1));
}

TEST(SkewLimit, ASingleShardIsNeverHeldBack) {
  SkewLimit skew(1, 0);
  for (uint64_t position = 0; position < 100; ++position) EXPECT_TRUE(skew.advance(0, position * 1000));
}

TEST(SkewLimit, APositionNeverGoesBackHoweverManyPassesThereAre) {
  EXPECT_EQ(position_in_passes(2, 100, 7), 207u);
  EXPECT_EQ(position_in_passes(3, UINT64_MAX / 2, 7), UINT64_MAX);
  EXPECT_EQ(position_in_passes(1, UINT64_MAX - 5, 7), UINT64_MAX);
}

}  // namespace
}  // namespace tapedeck::replay
