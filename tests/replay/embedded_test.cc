#include "replay/embedded.h"

#include <future>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::replay {
namespace {

using ::testing::HasSubstr;

constexpr auto kDeadline = std::chrono::seconds(60);

class CountHandler final : public blackbox::Handler {
 public:
  explicit CountHandler(std::atomic<uint64_t>& records) : records_(records) {}
  void on_block(const blackbox::Block& block) override { records_ += block.records.size(); }

 private:
  std::atomic<uint64_t>& records_;
};

class ThrowingHandler final : public blackbox::Handler {
 public:
  void on_block(const blackbox::Block&) override { throw std::runtime_error("no room"); }
};

class ThrowOnceHandler final : public blackbox::Handler {
 public:
  void on_block(const blackbox::Block&) override {
    if (!std::exchange(has_thrown_, true)) throw std::runtime_error("no room");
  }

 private:
  bool has_thrown_ = false;
};

class EmbeddedTest : public tape::TapeTest {
 protected:
  EmbeddedTest() { options_.tape = folder_ / "t"; }

  void make_tape(tape::Codec codec = tape::Codec::kNone) {
    tape::TapeMaker maker(options_.tape, {.lanes = 8, .codec = codec, .block_bytes = 4096});
    maker.add(tape::some_messages(10'000, 8));
    maker.seal();
    digest_ = tape::digest_of(open_sound(options_.tape));
  }

  // Runs it with a deadline.
  core::Result<Embedded> play(const blackbox::HandlerFactory& make_handler) {
    auto result = std::async(std::launch::async, [&] { return run_embedded(options_, box_, make_handler, stop_); });
    if (result.wait_for(kDeadline) != std::future_status::ready) {
      ADD_FAILURE() << "it did not end";
      stop_.request();
    }
    return result.get();
  }
  core::Result<Embedded> play() {
    return play([this](unsigned) { return std::make_unique<CountHandler>(handled_); });
  }

  Options options_;
  blackbox::Options box_;
  core::StopFlag stop_;
  std::string digest_;
  std::atomic<uint64_t> handled_{0};
};

TEST_F(EmbeddedTest, EveryRecordReachesAHandlerAndTheReceiptProvesIt) {
  for (const tape::Codec codec : {tape::Codec::kNone, tape::Codec::kLz4}) {
    options_.tape = folder_ / tape::codec_name(codec);
    make_tape(codec);
    for (const unsigned workers : {1u, 3u}) {
      for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(0.1)}) {
        box_.workers = workers;
        box_.dispatch = workers == 3 ? blackbox::Dispatch::kAny : blackbox::Dispatch::kByLane;
        options_.rate = rate;
        options_.late_limit_ns = 60'000'000'000;
        handled_ = 0;
        const auto result = play();
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(handled_, 10'000u);
        EXPECT_EQ(result->outcome.receipt.digest(), digest_);
        EXPECT_TRUE(result->outcome.equal);
        EXPECT_TRUE(result->report.whole_tape);
        EXPECT_EQ(exit_code(result->report, options_.late_limit_ns), core::ExitCode::kOk);
      }
    }
  }
}

TEST_F(EmbeddedTest, ASmallQueueBoundsWhatIsInFlightAndLosesNothing) {
  make_tape();
  options_.rate = 10.0;  // over inproc, where there are queues
  options_.late_limit_ns = 60'000'000'000;
  options_.batch_bytes = 4096;
  options_.queue_bytes = 1;
  box_.queue_bytes = 1;
  const auto result = play();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->outcome.equal);
}

TEST_F(EmbeddedTest, ItWaitsForNobodyElse) {
  make_tape();
  options_.wait_for = 2;
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(10.0)}) {
    options_.rate = rate;
    const auto result = play();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(result->report.all_proved());
  }
}

// At full speed there is no wire, with a rate there is.
class BothWays : public EmbeddedTest, public ::testing::WithParamInterface<std::optional<double>> {
 protected:
  BothWays() { options_.rate = GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(EmbeddedTest, BothWays, ::testing::Values(std::optional<double>(), std::optional<double>(10)),
                         [](const auto& test) { return test.param ? "Paced" : "FullSpeed"; });

TEST_P(BothWays, ADamagedBlockIsLeftOutAndTold) {
  make_tape();
  options_.late_limit_ns = 60'000'000'000;
  const auto segment = folder_ / "t" / "lane-0003" / "000000.seg";
  std::string bytes = tape::load(segment);
  bytes[5000] ^= 1;
  tape::store(segment, bytes);
  const auto result = play();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(exit_code(result->report, options_.late_limit_ns), core::ExitCode::kDamaged);
  EXPECT_FALSE(result->report.whole_tape);
  EXPECT_LT(handled_, 10'000u);
  EXPECT_GT(handled_, 9'000u);
}

// Blocks whose stored bytes are sound, but which do not decompress to the records that their headers promise.
TEST_F(EmbeddedTest, ATapeOfWhichNoBlockOpensIsNotRepeatedForEver) {
  make_tape(tape::Codec::kLz4);
  const tape::TapeReader sound = open_sound(options_.tape);
  for (const tape::LaneContents& lane : sound.lanes()) {
    for (const tape::Segment& segment : lane.segments) {
      std::string bytes = tape::load(segment.path);
      for (const tape::BlockRef& block : segment.index.blocks) {
        bytes[block.offset + offsetof(tape::BlockHeader, raw_crc)] ^= 1;
        tape::sign_header(bytes, block.offset);
      }
      tape::store(segment.path, bytes);
    }
  }
  options_.passes = 0;
  const auto result = play();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->report.passes, 1u);
  EXPECT_EQ(handled_, 0u);
  ASSERT_FALSE(result->report.damage.empty());
  EXPECT_EQ(result->report.damage[0].what, damage_name(tape::Damage::kRaw));
}

TEST_P(BothWays, AFactoryThatThrowsEndsItWithItsWords) {
  make_tape();
  const auto result =
      play([](unsigned) -> std::unique_ptr<blackbox::Handler> { throw std::runtime_error("no handler today"); });
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no handler today"));
}

TEST_P(BothWays, AStatusCallbackThatThrowsEndsItWithItsWords) {
  make_tape();
  const auto make = [this](unsigned) { return std::make_unique<CountHandler>(handled_); };
  const auto result =
      run_embedded(options_, box_, make, stop_, [](const Status&) { throw std::runtime_error("no terminal"); });
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no terminal"));
}

TEST_P(BothWays, AnEmptyTapeIsReportedAlike) {
  tape::TapeMaker(options_.tape, {.lanes = 2}).seal();
  const auto result = play();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->report.passes, 0u);
  EXPECT_FALSE(result->report.whole_tape);
  EXPECT_EQ(result->report.records, 0u);
}

TEST_P(BothWays, AHandlerThatThrowsEndsItWithItsWords) {
  make_tape();
  const auto result = play([](unsigned) { return std::make_unique<ThrowingHandler>(); });
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no room"));
}

TEST_F(EmbeddedTest, AHandlerThatThrowsOnceHasNotHandledTheTape) {
  make_tape();
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(10.0)}) {
    options_.rate = rate;
    const auto result = play([](unsigned) { return std::make_unique<ThrowOnceHandler>(); });
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("no room"));
  }
}

TEST_F(EmbeddedTest, TheStopFlagEndsOneThatWouldTakeForEver) {
  make_tape();
  options_.passes = 0;
  auto result = std::async(std::launch::async, [this] { return play(); });
  while (handled_ < 20'000 && result.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  stop_.request();
  const auto ended = result.get();
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(exit_code(ended->report, options_.late_limit_ns), core::ExitCode::kInterrupted);
  EXPECT_FALSE(ended->outcome.receipt.complete);
  EXPECT_GE(handled_, 20'000u);
}

TEST_F(EmbeddedTest, WhatCannotBeEndsBothSidesWithTheReason) {
  const auto no_tape = play();
  ASSERT_FALSE(no_tape);
  EXPECT_THAT(no_tape.error().message, HasSubstr("is not a tape"));
  make_tape();
  box_.workers = 0;
  const auto no_workers = play();
  ASSERT_FALSE(no_workers);
  EXPECT_THAT(no_workers.error().message, HasSubstr("workers"));
  options_.endpoints = {"tcp://127.0.0.1:0"};
  const auto not_within = play();
  ASSERT_FALSE(not_within);
  EXPECT_EQ(not_within.error().code, core::ExitCode::kUsage);
  EXPECT_THAT(not_within.error().message, HasSubstr("inproc://NAME"));
}

TEST_F(EmbeddedTest, InprocBetweenProcessesIsRefused) {
  make_tape();
  options_.endpoints = {"inproc://x"};
  EXPECT_EQ(run(options_, stop_, {}).error().code, core::ExitCode::kUsage);
  box_.endpoint = "inproc://x";
  const auto make_none = [](unsigned) { return std::unique_ptr<blackbox::Handler>(); };
  EXPECT_EQ(blackbox::run(box_, make_none, stop_).error().code, core::ExitCode::kUsage);
}

// Keeps what it is given, in order.
class KeepingHandler final : public blackbox::Handler {
 public:
  explicit KeepingHandler(std::vector<std::string>& payloads) : payloads_(payloads) {}
  void on_block(const blackbox::Block& block) override {
    for (const tape::RecordView record : block.records) payloads_.emplace_back(core::as_text(record.payload()));
  }

 private:
  std::vector<std::string>& payloads_;
};

TEST_F(EmbeddedTest, AnOrderedReplayGivesTheExactOrderOfArrivalOverAllLanes) {
  for (const tape::Codec codec : {tape::Codec::kNone, tape::Codec::kZstd}) {
    options_.tape = folder_ / tape::codec_name(codec);
    make_tape(codec);
    std::vector<std::string> expected;
    for (const tape::Message& message : tape::read_in_order(open_sound(options_.tape))) {
      expected.push_back(message.payload);
    }
    options_.ordered = true;
    for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(1.0)}) {
      options_.rate = rate;
      options_.late_limit_ns = 60'000'000'000;
      std::vector<std::string> payloads;
      const auto done = play([&](unsigned) { return std::make_unique<KeepingHandler>(payloads); });
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_TRUE(payloads == expected);
      EXPECT_TRUE(done->report.whole_tape);
      EXPECT_EQ(done->report.digest, digest_);
      EXPECT_TRUE(done->outcome.equal) << done->outcome.verdict;
    }
  }
}

TEST_F(EmbeddedTest, AnOrderNeedsOneWorker) {
  make_tape();
  options_.ordered = true;
  box_.workers = 2;
  EXPECT_EQ(play().error().code, core::ExitCode::kUsage);
}

}  // namespace
}  // namespace tapedeck::replay
