#include "replay/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tapedeck::replay {
namespace {

using core::ExitCode;
using core::Lane;

constexpr int64_t kLimit_ns = 1'000'000;
const std::map<Lane, tape::LaneDigest> kSent = {{Lane(0), {5, 77}}, {Lane(3), {2, 88}}};

transport::Receipt good_receipt() {
  return {.subscriber = "a", .complete = true, .problem = {}, .records = 7, .lanes = kSent};
}

TEST(JudgeReceipt, AllOfItArrived) {
  EXPECT_TRUE(judge_receipt(good_receipt(), kSent).equal);
  EXPECT_TRUE(judge_receipt({.subscriber = {}, .complete = true, .problem = {}, .lanes = {}}, {}).equal);
}

TEST(JudgeReceipt, AnIncompleteOneProvesNothingAndItsProblemIsTheSentence) {
  transport::Receipt receipt = good_receipt();
  receipt.complete = false;
  receipt.problem = "3 records lost";
  EXPECT_FALSE(judge_receipt(receipt, kSent).equal);
  EXPECT_EQ(judge_receipt(receipt, kSent).sentence, "3 records lost");
}

TEST(JudgeReceipt, EveryDifferenceIsFound) {
  const auto differs = [](auto&& change) {
    transport::Receipt receipt = good_receipt();
    change(receipt);
    const transport::Verdict verdict = judge_receipt(receipt, kSent);
    return !verdict.equal && !verdict.sentence.empty();
  };
  EXPECT_TRUE(differs([](auto& r) { r.lanes[Lane(3)].crc = 89; }));
  EXPECT_TRUE(differs([](auto& r) { r.lanes[Lane(3)].records = 1; }));
  EXPECT_TRUE(differs([](auto& r) { r.lanes.erase(Lane(3)); }));
  EXPECT_TRUE(differs([](auto& r) { r.records = 8; }));
}

Report good_report() {
  Report report;
  report.tape = "x.tape";
  report.records = 7;
  report.seconds = 0.5;
  report.subscribers_asked = 1;
  Participant participant;
  participant.name = "a";
  participant.equal = true;
  participant.receipt = good_receipt();
  report.participants.push_back(participant);
  return report;
}

void expect(const Report& report, Verdict verdict, ExitCode code) {
  EXPECT_EQ(report.verdict(kLimit_ns), verdict);
  EXPECT_EQ(exit_code(report, kLimit_ns), code);
}

TEST(Report, EverythingProvedIsAsAsked) { expect(good_report(), Verdict::kAsAsked, ExitCode::kOk); }

TEST(Report, WithoutASubscriberAskedForItIsAsAskedAndUnproved) {
  Report report = good_report();
  report.participants.clear();
  report.subscribers_asked = 0;
  expect(report, Verdict::kAsAsked, ExitCode::kOk);
  EXPECT_EQ(nlohmann::json::parse(to_json(report, kLimit_ns)).at("proved"), false);
  EXPECT_NE(to_text(report, kLimit_ns).find("nothing is proved"), std::string::npos);
}

TEST(Report, AMissingUnequalOrDeadSubscriberMakesItIncomplete) {
  Report report = good_report();
  report.subscribers_asked = 2;
  expect(report, Verdict::kIncomplete, ExitCode::kDamaged);
  report = good_report();
  report.participants[0].equal = false;
  expect(report, Verdict::kIncomplete, ExitCode::kDamaged);
  report = good_report();
  report.participants[0] = {};
  report.participants[0].name = "victim";
  report.participants[0].dead = true;
  expect(report, Verdict::kIncomplete, ExitCode::kDamaged);
  EXPECT_NE(to_text(report, kLimit_ns).find("victim: no receipt"), std::string::npos);
}

TEST(Report, DamageMakesItIncompleteThoughAllThatWasSentArrived) {
  Report report = good_report();
  report.damage.push_back({.file = "lane-0000/000000.seg", .offset = 64, .size = 100, .what = "cut short"});
  expect(report, Verdict::kIncomplete, ExitCode::kDamaged);
}

TEST(Report, AnInterruptedOneSaysSoBeforeAnythingElse) {
  Report report = good_report();
  report.interrupted = true;
  report.participants[0].equal = false;
  expect(report, Verdict::kIncomplete, ExitCode::kInterrupted);
}

TEST(Report, APacedOneIsLateByItsDelaysItsRateOrItsClock) {
  Report report = good_report();
  report.rate_asked = 10;
  report.rate_reached = 9.9;
  report.pacing.record(kLimit_ns / 2, 1000);
  expect(report, Verdict::kAsAsked, ExitCode::kOk);
  Report delayed = report;
  delayed.pacing.record(3 * kLimit_ns, 100);
  expect(delayed, Verdict::kLate, ExitCode::kLate);
  Report slow = report;
  slow.overtime_ns = 100'000'001;
  expect(slow, Verdict::kLate, ExitCode::kLate);
  Report slipped = report;
  slipped.slipped_ns = 1;
  expect(slipped, Verdict::kLate, ExitCode::kLate);
  slipped.participants[0].equal = false;
  expect(slipped, Verdict::kIncomplete, ExitCode::kDamaged);
}

TEST(Report, AtFullSpeedNothingIsLate) {
  Report report = good_report();
  report.pacing.record(3 * kLimit_ns, 100);
  expect(report, Verdict::kAsAsked, ExitCode::kOk);
}

TEST(Report, ItsJsonHasTheKeysThatProgramsRead) {
  const auto json = nlohmann::json::parse(to_json(good_report(), kLimit_ns));
  for (const char* key : {"verdict", "whole_tape", "records", "messages_per_s", "bytes_per_s", "seconds", "rate_asked",
                          "rate_reached", "receipts", "pacing"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json.at("verdict"), "as-asked");
  EXPECT_EQ(json.at("rate_asked"), "max");
  EXPECT_EQ(json.at("messages_per_s"), 14.0);
  EXPECT_EQ(json.at("receipts").at(0).at("digest"), good_receipt().digest());
}

}  // namespace
}  // namespace tapedeck::replay
