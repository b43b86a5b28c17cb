#include "engine/blackbox/heard_replay.h"

#include <gtest/gtest.h>

namespace tapedeck::blackbox {
namespace {

TEST(HeardReplay, IsTheFirstThatAnybodyHearsAndNeverNobody) {
  HeardReplay heard;
  EXPECT_FALSE(heard.is_ours(0));
  EXPECT_TRUE(heard.is_ours(7));
  EXPECT_TRUE(heard.is_ours(7));
  EXPECT_FALSE(heard.is_ours(8));
  EXPECT_FALSE(heard.is_ours(0));
  EXPECT_EQ(heard.publisher(), 7u);
}

}  // namespace
}  // namespace tapedeck::blackbox
