#include "engine/core/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace tapedeck::core {
namespace {

constexpr uint64_t kLargestValue = std::numeric_limits<uint64_t>::max();

// Of all sizes alike, since each power of two is as likely as the others.
std::vector<uint64_t> random_values(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> values(count);
  for (uint64_t& v : values) v = random() >> (random() % 64);
  return values;
}

// What is recorded as `value` comes back as this, when something larger hides the exact maximum.
uint64_t as_recorded(uint64_t value) {
  Histogram histogram;
  histogram.record(value);
  histogram.record(kLargestValue);
  return histogram.quantile(0.5);
}

TEST(Histogram, IsZeroThroughoutWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  for (const double quantile : {0.0, 0.5, 1.0}) EXPECT_EQ(histogram.quantile(quantile), 0u);
}

TEST(Histogram, KeepsSmallValuesExactly) {
  for (uint64_t value = 0; value < 128; ++value) EXPECT_EQ(as_recorded(value), value);
}

TEST(Histogram, RoundsUpByNoMoreThanOneSixtyFourth) {
  std::vector<uint64_t> values = random_values(10'000, 1);
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t power = uint64_t{1} << bit;
    values.insert(values.end(), {power - 1, power, power + 1});
  }
  for (const uint64_t value : values) {
    const uint64_t recorded = as_recorded(value);
    ASSERT_GE(recorded, value);
    ASSERT_LE(recorded - value, value / 64) << value;
  }
}

TEST(Histogram, KeepsTheMaximumExactlyAndGivesNoQuantileAboveIt) {
  for (const uint64_t value : {uint64_t{1}, uint64_t{1'000'003}, kLargestValue - 1, kLargestValue}) {
    Histogram histogram;
    histogram.record(value);
    EXPECT_EQ(histogram.max(), value);
    for (const double quantile : {0.0, 0.5, 0.999, 1.0}) EXPECT_EQ(histogram.quantile(quantile), value);
  }
}

TEST(Histogram, GivesTheSmallestValueThatTheQuantileOfObservationsDoesNotExceed) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  for (int percent = 1; percent <= 100; ++percent) EXPECT_EQ(histogram.quantile(percent / 100.0), percent);
  EXPECT_EQ(histogram.quantile(0.501), 51u);
  EXPECT_EQ(histogram.quantile(0.0), 1u);
}

TEST(Histogram, AgreesWithTheSortedObservationsToWithinABucket) {
  std::vector<uint64_t> values = random_values(9'999, 2);
  Histogram histogram;
  for (const uint64_t value : values) histogram.record(value);
  std::ranges::sort(values);
  for (const double quantile : {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const uint64_t exact = values[static_cast<size_t>(std::ceil(quantile * 9'999)) - 1];
    EXPECT_GE(histogram.quantile(quantile), exact) << quantile;
    EXPECT_LE(histogram.quantile(quantile) - exact, exact / 64) << quantile;
  }
}

TEST(Histogram, TakesQuantilesOutsideZeroToOneForTheNearer) {
  Histogram histogram;
  for (const uint64_t value : {3u, 5u, 7u}) histogram.record(value);
  EXPECT_EQ(histogram.quantile(-1.0), 3u);
  EXPECT_EQ(histogram.quantile(2.0), 7u);
}

TEST(Histogram, CountsAnObservationAsOftenAsItIsTold) {
  Histogram histogram;
  histogram.record(10, 98);
  histogram.record(20, 2);
  histogram.record(kLargestValue, 0);
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_EQ(histogram.max(), 20u);
  EXPECT_EQ(histogram.quantile(0.98), 10u);
  EXPECT_EQ(histogram.quantile(0.99), 20u);
}

TEST(Histogram, IsTheSameWhetherRecordedTogetherOrAddedUp) {
  Histogram together;
  Histogram sum;
  for (uint64_t part = 0; part < 3; ++part) {
    Histogram histogram;
    for (const uint64_t value : random_values(1'000, 10 + part)) {
      together.record(value);
      histogram.record(value);
    }
    sum.add(histogram);
  }
  sum.add(Histogram());
  EXPECT_EQ(sum.count(), 3'000u);
  EXPECT_EQ(sum.max(), together.max());
  for (int permille = 0; permille <= 1'000; ++permille) {
    ASSERT_EQ(sum.quantile(permille / 1000.0), together.quantile(permille / 1000.0)) << permille;
  }
}

}  // namespace
}  // namespace tapedeck::core
