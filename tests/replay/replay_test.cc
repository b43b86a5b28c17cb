#include "replay/replay.h"

#include <future>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::replay {
namespace {

using ::testing::HasSubstr;

constexpr auto kReplayDeadline = std::chrono::seconds(30);

class ReplayTest : public tape::TapeTest {
 protected:
  ReplayTest() {
    options_.tape = folder_ / "t";
    options_.endpoints = {"ipc://" + (folder_ / "s").string()};
    options_.wait_for = 0;
  }

  // Runs it with a deadline.
  core::Result<Report> play() {
    auto result = std::async(std::launch::async, [this] { return run(options_, stop_, {}); });
    if (result.wait_for(kReplayDeadline) != std::future_status::ready) {
      ADD_FAILURE() << "the replay did not end";
      stop_.request();
    }
    return result.get();
  }

  Options options_;
  core::StopFlag stop_;
};

TEST_F(ReplayTest, ATapeOfOneCaptureTimeInManyLanesNeedsNoMoreBuffersThanThereAre) {
  tape::TapeMaker maker(folder_ / "t", {.lanes = 64, .block_bytes = 4096});
  for (uint64_t i = 0; i < 20'000; ++i) {
    maker.add({.lane = static_cast<uint16_t>(i % 64),
               .topic = "X/A",
               .payload = std::string(200, 'x'),
               .time_ns = 1'500'000'000'000'000'000,
               .ordinal = i});
  }
  maker.seal();
  const std::string digest = tape::digest_of(open_sound(folder_ / "t"));
  options_.batch_bytes = 4096;
  options_.queue_bytes = 1;
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(1.0)}) {
    options_.rate = rate;
    options_.late_limit_ns = 60'000'000'000;
    const auto report = play();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->records, 20'000u);
    EXPECT_EQ(report->digest, digest);
    EXPECT_TRUE(report->whole_tape);
    EXPECT_EQ(exit_code(*report, options_.late_limit_ns), core::ExitCode::kOk);
  }
}

TEST_F(ReplayTest, LoopsSendTheSelectionAgain) {
  tape::TapeMaker maker(folder_ / "t", {.lanes = 4});
  maker.add(tape::some_messages(1000, 4));
  maker.seal();
  options_.passes = 3;
  options_.selection.duration_ns = 99'000;  // the first hundred
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(0.01)}) {
    options_.rate = rate;
    const auto report = play();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->records, 300u);
    EXPECT_EQ(report->passes, 3u);
    EXPECT_FALSE(report->whole_tape);
    const double seconds_least = rate ? 2 * 0.0099 : 0;
    EXPECT_GE(report->seconds, seconds_least);
  }
}

TEST_F(ReplayTest, TheStopFlagEndsOneThatWouldTakeForEver) {
  tape::TapeMaker maker(folder_ / "t", {.lanes = 1});
  maker.add(tape::some_messages(10));
  maker.seal();
  options_.passes = 0;
  options_.rate = 1e-9;
  auto result = std::async(std::launch::async, [this] { return run(options_, stop_, {}); });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  stop_.request();
  ASSERT_EQ(result.wait_for(kReplayDeadline), std::future_status::ready);
  EXPECT_EQ(exit_code(*result.get(), 0), core::ExitCode::kInterrupted);
}

TEST_F(ReplayTest, OptionsThatCannotBeAreRefused) {
  tape::write_small_tape(folder_ / "t", tape::Codec::kNone);
  const auto refused = [this](auto&& change, const std::string& why) {
    Options options = options_;
    change(options);
    const auto report = run(options, stop_, {});
    ASSERT_FALSE(report) << why;
    EXPECT_EQ(report.error().code, core::ExitCode::kUsage);
    EXPECT_THAT(report.error().message, HasSubstr(why));
  };
  refused([](auto& o) { o.rate = 0.0; }, "rate");
  refused([](auto& o) { o.rate = -1.0; }, "rate");
  refused([](auto& o) { o.rate = std::numeric_limits<double>::infinity(); }, "rate");
  refused([](auto& o) { o.rate = std::numeric_limits<double>::quiet_NaN(); }, "rate");
  refused([](auto& o) { o.batch_bytes = 4095; }, "batch");
  refused([](auto& o) { o.batch_bytes = (64u << 20) + 1; }, "batch");
  refused([](auto& o) { o.endpoints = {"nowhere"}; }, "bad endpoint");
  refused([](auto& o) { o.session_endpoint = "nowhere"; }, "bad endpoint");
  refused([](auto& o) { o.selection.topics.names = {"no"}; }, "no topic");
  refused([](auto& o) { o.selection.lanes = {core::Lane(77)}; }, "no lane 77");
  refused([](auto& o) { o.endpoints = {}; }, "needs an endpoint");
  refused([](auto& o) { o.shards = 0; }, "1 to 256 shards");
  refused([](auto& o) { o.shards = 257; }, "1 to 256 shards");
  refused(
      [](auto& o) {
        o.shards = 3;
        o.endpoints = {"tcp://127.0.0.1:0,tcp://127.0.0.1:0"};
      },
      "3 shards need");
  refused(
      [](auto& o) {
        o.shards = 2;
        o.endpoints = {"tcp://127.0.0.1:65535"};
      },
      "2 shards need");
  refused([](auto& o) { o.endpoints = {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0,tcp://127.0.0.1:0"}; }, "1 shards need");
  refused([](auto& o) { o.shards = 5; }, "5 shards, but only");
  refused([](auto& o) { o.max_skew_ns = -1; }, "skew");
  refused(
      [](auto& o) {
        o.ordered = true;
        o.shards = 2;
      },
      "one shard");
}

TEST_F(ReplayTest, ShardsSendTheWholeTapeTogetherAndEachItsOwnLanes) {
  tape::TapeMaker maker(folder_ / "t", {.lanes = 8, .block_bytes = 4096});
  maker.add(tape::some_messages(5000, 8));
  maker.seal();
  const std::string digest = tape::digest_of(open_sound(folder_ / "t"));
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(1.0)}) {
    for (const unsigned shards : {2u, 3u, 8u}) {
      options_.rate = rate;
      options_.shards = shards;
      options_.max_skew_ns = 0;
      options_.batch_bytes = 4096;
      const auto report = play();
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->digest, digest) << shards;
      EXPECT_EQ(report->shards, shards);
      EXPECT_TRUE(report->whole_tape);
    }
  }
}

TEST_F(ReplayTest, AStoppedReplayOfShardsEndsThoughSomeNeverStarted) {
  tape::write_small_tape(folder_ / "t", tape::Codec::kNone);
  options_.wait_for = 1;
  options_.shards = 2;
  auto result = std::async(std::launch::async, [this] { return run(options_, stop_, {}); });
  stop_.request();
  ASSERT_EQ(result.wait_for(kReplayDeadline), std::future_status::ready);
  EXPECT_EQ(exit_code(*result.get(), 0), core::ExitCode::kInterrupted);
}

TEST_F(ReplayTest, ATapeThatIsBeingWrittenIsRefused) {
  tape::TapeMaker maker(folder_ / "t", {.lanes = 1});
  const auto report = play();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("in use"));
}

}  // namespace
}  // namespace tapedeck::replay
