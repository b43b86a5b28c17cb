#include "engine/core/page_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace tapedeck::core {
namespace {

bool is_all(Bytes bytes, std::byte value) {
  return std::ranges::all_of(bytes, [value](std::byte b) { return b == value; });
}

TEST(PageBuffer, HasAtLeastTheBytesThatWereAskedForAndTheyAreZero) {
  for (const size_t size : {size_t{1}, size_t{4097}, size_t{1} << 20, (size_t{1} << 20) + 65, size_t{5} << 20}) {
    const PageBuffer buffer(size);
    EXPECT_GE(buffer.size(), size);
    EXPECT_TRUE(is_all(buffer.bytes(), std::byte{0})) << size;
  }
}

TEST(PageBuffer, KeepsWhatItHoldsAsItGrowsAndNeverShrinks) {
  PageBuffer buffer(3000);
  std::ranges::fill(buffer.bytes(), std::byte{7});
  const size_t before = buffer.size();
  buffer.grow(10);
  EXPECT_EQ(buffer.size(), before);
  buffer.grow(size_t{3} << 20);
  EXPECT_GE(buffer.size(), size_t{3} << 20);
  EXPECT_TRUE(is_all(buffer.bytes().first(before), std::byte{7}));
  EXPECT_TRUE(is_all(buffer.bytes().subspan(before), std::byte{0}));
}

TEST(PageBuffer, MovesWithItsBytes) {
  PageBuffer from(100);
  from.data()[99] = std::byte{5};
  const std::byte* const at = from.data();
  PageBuffer to;
  to = std::move(from);
  EXPECT_EQ(to.data(), at);
  EXPECT_EQ(to.data()[99], std::byte{5});
}

}  // namespace
}  // namespace tapedeck::core
