#include "engine/blackbox/lane_accounts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "engine/core/crc32c.h"

namespace tapedeck::blackbox {
namespace {

using core::Lane;

struct Stretch {
  uint64_t first = 0;
  uint64_t count = 0;
  RunPiece piece;
};

// Runs of 1 to 9 records of 8 bytes each.
std::vector<Stretch> some_runs(size_t count) {
  std::vector<Stretch> runs;
  uint64_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    Stretch run{.first = next, .count = 1 + i % 9, .piece = {}};
    std::vector<std::byte> bytes;
    for (uint64_t k = 0; k < run.count; ++k) core::append_le(bytes, run.first + k);
    run.piece.digest.add(run.count, core::crc32c(bytes), bytes.size());
    run.piece.record_bytes = bytes.size();
    next += run.count;
    runs.push_back(run);
  }
  return runs;
}

tape::LaneDigest digest_in_order(const std::vector<Stretch>& runs) {
  tape::LaneDigest digest;
  for (const Stretch& run : runs) digest.add(run.count, run.piece.digest.crc, run.piece.record_bytes);
  return digest;
}

TEST(LaneAccounts, RunsInAnyOrderGiveTheDigestOfTheirOrder) {
  std::vector<Stretch> runs = some_runs(50);
  const tape::LaneDigest expected = digest_in_order(runs);
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    LaneAccounts accounts;
    for (const Stretch& run : runs) accounts.add(Lane(3), run.first, run.count, run.piece);
    ASSERT_EQ(accounts.digests().at(Lane(3)), expected);
    std::shuffle(runs.begin(), runs.end(), random);
  }
}

TEST(LaneAccounts, WhatIsSkippedIsLeftOutAndHoldsNothingUp) {
  std::vector<Stretch> runs = some_runs(5);
  LaneAccounts accounts;
  for (const size_t i : {4, 0, 3, 2}) accounts.add(Lane(0), runs[i].first, runs[i].count, runs[i].piece);
  EXPECT_EQ(accounts.digests().at(Lane(0)).records, runs[0].count);
  accounts.skip(Lane(0), runs[1].first, runs[1].count);
  runs.erase(runs.begin() + 1);
  EXPECT_EQ(accounts.digests().at(Lane(0)), digest_in_order(runs));
}

TEST(LaneAccounts, ARunOfWhichARecordWasLostStillCountsAsSent) {
  std::vector<Stretch> runs = some_runs(3);
  LaneAccounts accounts;
  accounts.add(Lane(0), 0, 1, {});  // all of its records were damaged
  accounts.add(Lane(0), runs[1].first, runs[1].count, runs[1].piece);
  runs = {runs[1]};
  EXPECT_EQ(accounts.digests().at(Lane(0)), digest_in_order(runs));
}

TEST(LaneAccounts, LanesAreApartAndEmptyOnesAreNotTold) {
  const std::vector<Stretch> runs = some_runs(2);
  LaneAccounts accounts;
  accounts.add(Lane(1023), 0, runs[0].count, runs[0].piece);
  accounts.skip(Lane(7), 0, 5);
  EXPECT_EQ(accounts.digests().size(), 1u);
  EXPECT_TRUE(accounts.digests().contains(Lane(1023)));
}

TEST(LaneAccounts, WorkersMayAddAtTheSameTime) {
  const std::vector<Stretch> runs = some_runs(2000);
  LaneAccounts accounts;
  std::vector<std::thread> workers;
  for (size_t w = 0; w < 3; ++w) {
    workers.emplace_back([&, w] {
      for (size_t i = w; i < runs.size(); i += 3) accounts.add(Lane(0), runs[i].first, runs[i].count, runs[i].piece);
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(accounts.digests().at(Lane(0)), digest_in_order(runs));
}

}  // namespace
}  // namespace tapedeck::blackbox
