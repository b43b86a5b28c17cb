#include "engine/clone/table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tapedeck::clone {
namespace {

using Contents = std::map<std::string, std::string>;

EntryPointer entry(std::string key, std::string value) {
  return std::make_shared<Entry>(Entry{std::move(key), std::move(value), 1});
}

Contents contents(const Table& table, std::string_view subtree = {}) {
  Contents model;
  std::string last;
  for (const EntryPointer& each : table.list(subtree)) {
    EXPECT_LT(last, each->key);
    last = each->key;
    model[each->key] = each->value;
  }
  return model;
}

TEST(Table, HoldsWhatAMapHoldsAndSoDoItsVersions) {
  std::mt19937 random(7);
  Table table;
  Contents model;
  std::vector<std::pair<Table, Contents>> versions;
  for (int step = 0; step < 30'000; ++step) {
    const std::string key = fmt::format("/{}", random() % 3'000);
    if (random() % 3 == 0) {
      EXPECT_EQ(table.erase(key), model.erase(key) > 0);
    } else {
      const std::string value = std::to_string(step);
      EXPECT_EQ(table.set(entry(key, value)), model.insert_or_assign(key, value).second);
    }
    if (step % 3'000 == 0) versions.emplace_back(table, model);
  }
  EXPECT_EQ(contents(table), model);
  EXPECT_EQ(table.size(), model.size());
  for (const auto& [version, its_model] : versions) EXPECT_EQ(contents(version), its_model);
}

TEST(Table, FindsAndListsOnlyWhatIsThere) {
  Table table;
  EXPECT_EQ(table.find("/a"), nullptr);
  EXPECT_FALSE(table.erase("/a"));
  EXPECT_EQ(table.at("").next(), nullptr);
  for (const char* key : {"/a/", "/a/1", "/a/2", "/a0", "/b/1", "z"}) table.set(entry(key, key));
  EXPECT_EQ(contents(table, "/a/"), (Contents{{"/a/", "/a/"}, {"/a/1", "/a/1"}, {"/a/2", "/a/2"}}));
  EXPECT_EQ(contents(table, "/c/"), Contents{});
  EXPECT_EQ(table.find("/a/1")->value, "/a/1");
  EXPECT_EQ(table.find("/a/11"), nullptr);
  EXPECT_EQ(table.find("zz"), nullptr);
}

TEST(Table, IsEmptyAgainAfterItsLastKey) {
  Table table;
  table.set(entry("a", "1"));
  EXPECT_TRUE(table.erase("a"));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.set(entry("b", "2")));
  EXPECT_EQ(contents(table), (Contents{{"b", "2"}}));
}

TEST(Table, TheDigestTellsContentsAndNotHistory) {
  Table one;
  Table other;
  EXPECT_EQ(format_digest(digest_of(one)), "0000000000000000");
  for (int i = 0; i < 1000; ++i) one.set(entry(std::to_string(i), "v"));
  for (int i = 999; i >= 0; --i) other.set(entry(std::to_string(i), i == 500 ? "w" : "v"));
  EXPECT_NE(digest_of(one), digest_of(other));
  other.set(entry("500", "v"));
  EXPECT_EQ(digest_of(one), digest_of(other));
  EXPECT_NE(digest_of("ab", "c"), digest_of("a", "bc"));
  EXPECT_EQ(format_digest(digest_of("key", "value")), "c6c31475ab96530f");  // the worked example of the protocol page
}

}  // namespace
}  // namespace tapedeck::clone
