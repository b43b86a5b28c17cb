#include "engine/clone/subtrees.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Subtrees, TellOfEachUpdateTheOneBeforeIt) {
  Subtrees subtrees;
  subtrees.add("/a/", 5);
  subtrees.add("/a/b/", 7);
  EXPECT_EQ(subtrees.note("/a/x", 8), "previous.3=5\n");
  EXPECT_EQ(subtrees.note("/a/b/x", 9), "previous.3=8\nprevious.5=7\n");
  EXPECT_EQ(subtrees.note("/b/x", 10), "");
  subtrees.remove("/a/");
  EXPECT_EQ(subtrees.note("/a/x", 11), "");
}

TEST(Subtrees, TellTheLastUpdateInEachTheLatestFirst) {
  Subtrees subtrees;
  EXPECT_EQ(subtrees.summary(), "since=0\n");
  subtrees.add("/a/", 5);
  subtrees.add("/b/", 5);
  static_cast<void>(subtrees.note("/b/x", 6));
  EXPECT_EQ(subtrees.summary(), "last./b/=6\nlast./a/=5\nsince=0\n");
}

TEST(Subtrees, WhoseNamesHaveWhatEndsAPropertyAreToldAllTheSame) {
  Subtrees subtrees;
  subtrees.add("/a=\n%/", 5);
  EXPECT_EQ(subtrees.summary(), "last./a%3d%0a%25/=5\nsince=0\n");
}

TEST(Subtrees, ThatAreTooManyAreToldFromSomeSequenceOn) {
  Subtrees subtrees;
  for (uint64_t i = 1; i <= 2'000; ++i) subtrees.add(fmt::format("/{:04}/", i), i);
  const std::string summary = subtrees.summary();
  EXPECT_LE(summary.size(), 17'000u);
  EXPECT_THAT(summary, StartsWith("last./2000/=2000\n"));
  const auto since = integer_property(summary, kSince);
  ASSERT_TRUE(since);
  EXPECT_THAT(summary, HasSubstr(fmt::format("={}\n", *since + 1)));
  EXPECT_THAT(summary, Not(HasSubstr(fmt::format("last./{:04}/", *since))));
}

TEST(Subtrees, OfWhichSomeAreNotKnownAreNotTold) {
  Subtrees subtrees;
  for (uint64_t i = 1; i <= 10'001; ++i) subtrees.add(fmt::format("/{}/", i), i);
  EXPECT_EQ(subtrees.summary(), "");
}

}  // namespace
}  // namespace tapedeck::clone
