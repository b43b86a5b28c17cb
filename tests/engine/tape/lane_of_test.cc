#include "engine/tape/lane_of.h"

#include <gtest/gtest.h>

#include <string>

namespace tapedeck::tape {
namespace {

// The format promises these: a key that moved to another lane would break the order of tapes that are appended to.
TEST(LaneOf, IsTheChecksumOfFeedAndKeyModuloTheLanes) {
  const std::string key = "\x01\x02";
  EXPECT_EQ(lane_of("itch", core::as_bytes(key), 16),
            Lane(static_cast<uint16_t>(core::crc32c(core::as_bytes("itch\x01\x02")) % 16)));
  EXPECT_EQ(lane_of("", core::as_bytes("123456789"), 1000), Lane(0xe3069283 % 1000));
}

TEST(LaneOf, PutsEverythingIntoTheOnlyLane) {
  for (const char* key : {"", "a", "b"}) EXPECT_EQ(lane_of("feed", core::as_bytes(key), 1), Lane(0));
}

TEST(LaneOf, DependsOnTheFeedAndSpreadsKeys) {
  std::vector<int> count(16);
  bool differs = false;
  for (uint16_t i = 0; i < 1600; ++i) {
    std::byte key[2];
    core::store_le(key, i);
    ++count[lane_of("one", key, 16).value];
    differs |= lane_of("one", key, 16) != lane_of("other", key, 16);
  }
  for (const int n : count) EXPECT_GT(n, 50);
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace tapedeck::tape
