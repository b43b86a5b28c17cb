#include "engine/clone/store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

using Verdict = Store::Verdict;

std::string value_of(const Store& store, std::string_view key) {
  const EntryPointer entry = store.table().find(key);
  return entry ? entry->value : "none";
}

TEST(Store, EveryUpdateHasTheNextSequenceADeleteOfNothingToo) {
  Store store({});
  EXPECT_EQ(store.apply({.key = "a", .value = "1"}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "b", .value = {}}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "a", .value = {}}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.sequence(), 3u);
  EXPECT_EQ(store.table().size(), 0u);
}

TEST(Store, ARepetitionDoesNotUndoWhatCameAfterIt) {
  Store store({});
  const std::string_view uuid = "0123456789abcdef";
  EXPECT_EQ(store.apply({.key = "a", .uuid = uuid, .value = "1"}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "a", .value = "2"}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "a", .uuid = uuid, .value = "1"}, 0, 0), Verdict::kRepeated);
  EXPECT_EQ(value_of(store, "a"), "2");
  EXPECT_EQ(store.sequence_of(uuid), 1u);
}

TEST(Store, RemembersABoundedNumberOfUuids) {
  Store store({});
  std::string uuid(kUuidBytes, 'u');
  for (uint32_t i = 0; i <= RecentUuids::kRemembered; ++i) {
    std::memcpy(uuid.data(), &i, sizeof i);
    ASSERT_EQ(store.apply({.key = "a", .uuid = uuid, .value = "1"}, 0, 0), Verdict::kApplied);
  }
  EXPECT_EQ(store.sequence_of(uuid), RecentUuids::kRemembered + 1);
  const uint32_t first = 0;
  std::memcpy(uuid.data(), &first, sizeof first);
  EXPECT_EQ(store.sequence_of(uuid), std::nullopt);
}

TEST(Store, TellsUuidsApartThatHaveTheSameHash) {
  Store store({});
  std::string uuid(kUuidBytes, 'u');
  for (const char* half : {"01234567", "abcdefgh", "ABCDEFGH"}) {
    uuid.assign(half).append(half);
    EXPECT_EQ(store.sequence_of(uuid), std::nullopt);
    store.apply({.key = "a", .uuid = uuid, .value = "1"}, 0, 0);
    store.apply({.key = "a", .value = "without"}, 0, 0);
  }
  EXPECT_EQ(store.sequence_of("0123456701234567"), 1u);
  EXPECT_EQ(store.sequence_of("abcdefghabcdefgh"), 3u);
  EXPECT_EQ(store.sequence_of("ABCDEFGHABCDEFGH"), 5u);
}

TEST(Store, NobodyCanChooseUuidsThatAllHaveTheSameHash) {
  std::set<size_t> chains;
  std::string uuid(kUuidBytes, '\0');
  for (uint64_t i = 1; i <= 1'000; ++i) {
    std::memcpy(uuid.data(), &i, sizeof i);
    std::memcpy(uuid.data() + sizeof i, &i, sizeof i);
    chains.insert(RecentUuids::chain_of(uuid));
  }
  EXPECT_GT(chains.size(), 900u);
}

TEST(Store, LimitsHaveAnswersOfTheirOwn) {
  Store store({.keys_max = 1, .value_bytes_max = 3});
  EXPECT_EQ(store.apply({.key = "a", .value = "1234"}, 0, 0), Verdict::kValueTooLong);
  EXPECT_EQ(store.apply({.key = "a", .value = "123"}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "b", .value = "1"}, 0, 0), Verdict::kTooManyKeys);
  EXPECT_EQ(store.apply({.key = "a", .value = "2"}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.apply({.key = "b", .value = {}}, 0, 0), Verdict::kApplied);
  EXPECT_EQ(store.sequence(), 3u);
}

TEST(Store, AnEphemeralKeyGoesWhenItsTimeIsOver) {
  Store store({});
  store.apply({.key = "a", .value = "1"}, 5, core::kSecond_ns);
  EXPECT_EQ(store.next_expiry_ns(), 6 * core::kSecond_ns);
  EXPECT_EQ(store.expire(6 * core::kSecond_ns - 1), std::nullopt);
  EXPECT_EQ(store.expire(6 * core::kSecond_ns), "a");
  EXPECT_EQ(store.sequence(), 2u);
  EXPECT_EQ(value_of(store, "a"), "none");
  EXPECT_EQ(store.next_expiry_ns(), INT64_MAX);
}

TEST(Store, AnUpdateRefreshesTheTimeOrEndsIt) {
  Store store({});
  store.apply({.key = "a", .value = "1"}, 5, 0);
  store.apply({.key = "a", .value = "1"}, 5, 4 * core::kSecond_ns);
  EXPECT_EQ(store.expire(5 * core::kSecond_ns), std::nullopt);
  store.apply({.key = "a", .value = "2"}, 0, 5 * core::kSecond_ns);
  EXPECT_EQ(store.next_expiry_ns(), INT64_MAX);
  store.apply({.key = "b", .value = "2"}, 1, 0);
  store.apply({.key = "b", .value = {}}, 1, 0);
  EXPECT_EQ(store.next_expiry_ns(), INT64_MAX);
}

}  // namespace
}  // namespace tapedeck::clone
