#include "tools/synth/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace tapedeck::synth {
namespace {

// From a program of its own in Python that gives the published first numbers of splitmix64 (seed 1234567) and of
// xoshiro256** (state 1, 2, 3, 4).
TEST(Random, GivesTheNumbersOfXoshiroSeededBySplitmix) {
  Random random(1);
  EXPECT_EQ(random.next(), 0xb3f2af6d0fc710c5);
  EXPECT_EQ(random.next(), 0x853b559647364cea);
  EXPECT_EQ(random.next(), 0x92f89756082a4514);
  EXPECT_EQ(random.next(), 0x642e1c7bc266a3a7);
}

TEST(Random, DrawsEvenlyBelowABound) {
  Random random(2);
  std::array<uint32_t, 7> counts{};
  for (int i = 0; i < 700'000; ++i) ++counts.at(random.below(7));
  for (const uint32_t count : counts) EXPECT_NEAR(count, 100'000, 1500);  // five standard deviations
}

TEST(Random, DrawsExponentialGapsWithTheirMeanAndTail) {
  constexpr int kDraws = 1'000'000;
  const auto bound = [](uint64_t mean, size_t k) {
    return std::ldexp(static_cast<double>(mean), static_cast<int>(k) - 2);
  };
  for (const uint64_t mean : {uint64_t{100}, uint64_t{60'000}, uint64_t{1} << 36}) {
    Random random(mean);
    double sum = 0;
    std::array<int, 4> above{};  // 0.25, 0.5, 1 and 2 means
    for (int i = 0; i < kDraws; ++i) {
      const auto gap = static_cast<double>(random.exponential(mean));
      sum += gap;
      for (size_t k = 0; k < above.size(); ++k) above[k] += gap > bound(mean, k) ? 1 : 0;
    }
    EXPECT_NEAR(sum / kDraws / static_cast<double>(mean), 1, 0.01) << mean;
    for (size_t k = 0; k < above.size(); ++k) {
      EXPECT_NEAR(above[k] / double{kDraws}, std::exp(-bound(1, k)), 0.012) << mean;
    }
  }
}

TEST(Random, GivesNoGapForAMeanOfZero) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(random.exponential(0), 0u);
}

}  // namespace
}  // namespace tapedeck::synth
