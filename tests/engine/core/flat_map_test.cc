#include "engine/core/flat_map.h"

#include <gtest/gtest.h>

namespace tapedeck::core {
namespace {

TEST(FlatMap, FindsWhatWasInsertedEvenWhereAllKeysCollide) {
  struct SameForAll {
    uint64_t operator()(uint64_t) const { return 63; }
  };
  FlatMap<uint64_t, int, SameForAll> map;
  for (int n = 0; n < 300; ++n) map.insert(static_cast<uint64_t>(n), n + 1);
  EXPECT_EQ(map.size(), 300u);
  for (int n = 0; n < 300; ++n) {
    const int* value = map.find(static_cast<uint64_t>(n));
    ASSERT_NE(value, nullptr) << n;
    EXPECT_EQ(*value, n + 1);
  }
  EXPECT_EQ(map.find(300), nullptr);
}

}  // namespace
}  // namespace tapedeck::core
