#include "engine/core/name_choice.h"

#include <gtest/gtest.h>

namespace tapedeck::core {
namespace {

bool has(const NameChoiceOptions& options, const std::string& name) {
  const auto choice = NameChoice::make(options);
  EXPECT_TRUE(choice) << choice.error().message;
  return choice && choice->has(name);
}

TEST(NameChoice, WithoutOptionsAllAreChosen) {
  EXPECT_TRUE(NameChoiceOptions().is_all());
  EXPECT_TRUE(has({}, "X/A"));
  EXPECT_TRUE(has({}, ""));
}

TEST(NameChoice, AListedNameOrAMatchWillDo) {
  const NameChoiceOptions options{.names = {"X/A"}, .regex = "B$"};
  EXPECT_TRUE(has(options, "X/A"));
  EXPECT_TRUE(has(options, "X/B"));
  EXPECT_FALSE(has(options, "X/AA"));
}

TEST(NameChoice, WhatIsExcludedIsNotChosenThoughItIsListed) {
  EXPECT_FALSE(has({.names = {"X/A"}, .exclude = "^X"}, "X/A"));
  EXPECT_TRUE(has({.exclude = "^X"}, "Y/A"));
  EXPECT_FALSE(has({.exclude = "^X"}, "X/A"));
}

TEST(NameChoice, ExpressionsThatAreNoneAreRefused) {
  for (const NameChoiceOptions& bad : {NameChoiceOptions{.regex = "("}, NameChoiceOptions{.exclude = "[z-a]"}}) {
    const auto choice = NameChoice::make(bad);
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ExitCode::kUsage);
  }
}

}  // namespace
}  // namespace tapedeck::core
