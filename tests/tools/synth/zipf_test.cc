#include "tools/synth/zipf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tapedeck::synth {
namespace {

// How often each rank comes, against 1 / (rank + 1)^exponent computed here with std::pow.
TEST(Zipf, GivesEachRankItsShare) {
  constexpr uint32_t kRanks = 500;
  constexpr uint32_t kDraws = 2'000'000;
  for (const double exponent : {0.0, 0.3, 1.0, 1.75, 3.0}) {
    const Zipf zipf(kRanks, exponent);
    Random random(5);
    std::vector<uint32_t> counts(kRanks);
    for (uint32_t i = 0; i < kDraws; ++i) ++counts.at(zipf.draw(random));
    double sum = 0;
    for (uint32_t rank = 0; rank < kRanks; ++rank) sum += std::pow(rank + 1, -exponent);
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      const double expected = kDraws * std::pow(rank + 1, -exponent) / sum;
      EXPECT_NEAR(counts[rank], expected, 5 * std::sqrt(expected) + 5) << "rank " << rank << " of " << exponent;
    }
  }
}

TEST(Zipf, HasAlwaysTheSameRankWhereThereIsOne) {
  const Zipf zipf(1, 1);
  Random random(1);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(zipf.draw(random), 0u);
}

TEST(Zipf, ReachesTheLastOfManyRanks) {
  const Zipf zipf(1'000'000, 0);
  Random random(1);
  uint32_t highest = 0;
  for (int i = 0; i < 1'000'000; ++i) highest = std::max(highest, zipf.draw(random));
  EXPECT_LT(highest, 1'000'000u);
  EXPECT_GT(highest, 999'900u);
}

}  // namespace
}  // namespace tapedeck::synth
