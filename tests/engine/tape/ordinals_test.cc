#include "engine/tape/ordinals.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tapedeck::tape {
namespace {

std::vector<std::byte> encode(const std::vector<Arrival>& arrivals, size_t payload_size = 0) {
  OrdinalColumnBuilder builder;
  for (const Arrival& arrival : arrivals) builder.add(arrival.source, arrival.ordinal);
  const Bytes column = builder.finish(payload_size);
  return {column.begin(), column.end()};
}

void expect_equal(const std::vector<Arrival>& a, const std::vector<Arrival>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].source, b[i].source) << i;
    ASSERT_EQ(a[i].ordinal, b[i].ordinal) << i;
  }
}

std::vector<Arrival> random_arrivals(uint32_t seed, size_t count, uint32_t sources) {
  std::mt19937_64 random(seed);
  std::vector<Arrival> arrivals;
  for (size_t i = 0; i < count; ++i) {
    arrivals.push_back({SourceId(static_cast<uint32_t>(random() % sources)), Ordinal(random() >> (random() % 64))});
  }
  return arrivals;
}

TEST(SideColumn, GivesBackSourcesAndOrdinalsOfAnySize) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const auto arrivals = random_arrivals(seed, seed * 3, 1 + seed % 4);
    const auto column = encode(arrivals);
    const auto decoded = decode_ordinals(column, static_cast<uint32_t>(arrivals.size()));
    ASSERT_TRUE(decoded) << decoded.error().message;
    expect_equal(*decoded, arrivals);
  }
}

TEST(SideColumn, TakesAByteARecordForARunOfOneSource) {
  std::vector<Arrival> arrivals;
  for (uint64_t i = 0; i < 1000; ++i) arrivals.push_back({SourceId(0), Ordinal(1'000'000 + i)});
  EXPECT_LE(encode(arrivals).size(), 1016u);
}

TEST(SideColumn, EndsOnAMultipleOfEightBehindAnyPayload) {
  const std::vector<Arrival> arrivals = random_arrivals(1, 5, 2);
  for (size_t payload_size = 0; payload_size < 20; ++payload_size) {
    std::vector<std::byte> stored(payload_size);
    const auto column = encode(arrivals, payload_size);
    core::append_bytes(stored, column);
    EXPECT_EQ(stored.size() % 8, 0u);
    const auto found = side_column_of(stored);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size(), column.size());
    EXPECT_TRUE(decode_ordinals(*found, 5));
  }
}

TEST(SideColumn, IsStartedAnewForEachBlock) {
  OrdinalColumnBuilder builder;
  builder.add(SourceId(1), Ordinal(10));
  (void)builder.finish(0);
  builder.add(SourceId(1), Ordinal(11));
  const auto decoded = decode_ordinals(builder.finish(0), 1);
  ASSERT_TRUE(decoded);
  EXPECT_EQ((*decoded)[0].ordinal, Ordinal(11));
}

TEST(SideColumn, IsRefusedWhereItDoesNotGiveOneArrivalForEachRecord) {
  const auto column = encode(random_arrivals(2, 10, 2));
  EXPECT_TRUE(decode_ordinals(column, 10));
  EXPECT_FALSE(decode_ordinals(column, 9));
  EXPECT_FALSE(decode_ordinals(column, 11));
  EXPECT_FALSE(decode_ordinals(column, 4'000'000'000));
  EXPECT_FALSE(decode_ordinals(Bytes(column).subspan(1), 10));
  EXPECT_FALSE(decode_ordinals({}, 1));
  EXPECT_FALSE(side_column_of({}));
  EXPECT_FALSE(side_column_of(Bytes(column).first(3)));
}

TEST(SideColumn, SurvivesAnyBytes) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> column(random() % 40);
    for (std::byte& b : column) b = static_cast<std::byte>(random());
    if (column.size() >= 4) core::store_le(column.data() + column.size() - 4, static_cast<uint32_t>(column.size()));
    const auto decoded = decode_ordinals(column, static_cast<uint32_t>(random() % 50));
    EXPECT_TRUE(!decoded || decoded->size() <= column.size());
  }
}

}  // namespace
}  // namespace tapedeck::tape
