#include "capture/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tapedeck::capture {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Summary example() {
  Summary summary;
  summary.tape = "a.tape";
  summary.packets.packets = 1234;
  summary.packets.skipped[static_cast<size_t>(feed::Skip::kTcp)] = 3;
  summary.feed.by_protocol[static_cast<size_t>(feed::Protocol::kItch50)] = {1200, 5000};
  summary.feed.by_protocol[static_cast<size_t>(feed::Protocol::kRaw)] = {31, 0};
  summary.feed.unknown = 31;
  summary.messages = 5000;
  summary.records = 5031;
  summary.topics = 1;
  summary.gaps = 2;
  summary.messages_lost = 77;
  return summary;
}

TEST(CaptureSummary, HasTheKeysThatProgramsRead) {
  const auto json = nlohmann::json::parse(to_json(example()));
  EXPECT_EQ(json["tape"], "a.tape");
  EXPECT_EQ(json["packets"], 1234);
  EXPECT_EQ(json["messages"], 5000);
  EXPECT_EQ(json["records"], 5031);
  EXPECT_EQ(json["unknown"], 31);
  EXPECT_EQ(json["topics"], 1);
  EXPECT_EQ(json["gaps"], 2);
  EXPECT_EQ(json["messages_lost"], 77);
  EXPECT_EQ(json["skipped"], nlohmann::json({{"tcp", 3}}));
  EXPECT_EQ(json["by_protocol"], nlohmann::json({{"itch50", {{"packets", 1200}, {"messages", 5000}}},
                                                 {"raw", {{"packets", 31}, {"messages", 0}}}}));
}

TEST(CaptureSummary, GivesObjectsEvenWhereNothingIsInThem) {
  const auto json = nlohmann::json::parse(to_json(Summary{}));
  EXPECT_TRUE(json["skipped"].is_object());
  EXPECT_TRUE(json["by_protocol"].is_object());
}

TEST(CaptureSummary, TellsPeopleTheCounts) {
  const std::string text = to_text(example());
  EXPECT_THAT(text, HasSubstr("records   5,031 in 1 topic\n"));
  EXPECT_THAT(text, HasSubstr("itch50  5,000 messages in 1,200 packets\n"));
  EXPECT_THAT(text, HasSubstr("unknown   31 packets\n"));
  EXPECT_THAT(text, HasSubstr("skipped   3 packets: tcp 3\n"));
  EXPECT_THAT(text, HasSubstr("lost      77 messages in 2 gaps\n"));
  EXPECT_THAT(text, Not(HasSubstr("repeated")));
}

TEST(CaptureSummary, MentionsWhatIsRareOnlyWhereItHappened) {
  Summary summary = example();
  summary.feed.repeated = 4;
  summary.feed.resets = 5;
  summary.interrupted = true;
  const std::string text = to_text(summary);
  EXPECT_THAT(text, HasSubstr("repeated  4 "));
  EXPECT_THAT(text, HasSubstr("resets    5 "));
  EXPECT_THAT(text, HasSubstr("interrupted"));
}

}  // namespace
}  // namespace tapedeck::capture
