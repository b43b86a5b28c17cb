#include "engine/blackbox/black_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <stdexcept>

#include "engine/transport/in_band.h"
#include "engine/transport/socket.h"
#include "tests/engine/blackbox/frames.h"

namespace tapedeck::blackbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kDeadline_ms = 20'000;
constexpr int64_t kMillisecond_ns = 1'000'000;

class ThrowingHandler final : public Handler {
 public:
  void on_block(const Block&) override { throw std::runtime_error("no more room in the book"); }
};

// A box on a thread of its own, and a publisher made by hand on the test's thread. It has no session channel.
class BlackBox : public ::testing::Test {
 protected:
  BlackBox() : xpub_(context_, zmq::socket_type::xpub) {
    std::string pattern = ::testing::TempDir() + "tapedeck-box-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    options_.endpoint = "ipc://" + folder_ + "/data";
    options_.name = "test";
    options_.verdict_timeout_ns = kMillisecond_ns;
    xpub_.set(zmq::sockopt::linger, 0);
    xpub_.set(zmq::sockopt::rcvtimeo, kDeadline_ms);
    xpub_.bind(options_.endpoint);
  }
  ~BlackBox() override {
    stop_.request();
    if (result_.valid()) result_.wait();
    std::filesystem::remove_all(folder_);
  }

  void start(HandlerFactory make_handler) {
    result_ = std::async(std::launch::async, [this, make_handler] { return run(options_, make_handler, stop_); });
    for (int subscriptions = 0; subscriptions < 2; ++subscriptions) {
      zmq::message_t message;
      ASSERT_TRUE(transport::receive(xpub_, message)) << "nobody subscribed";
    }
  }
  void start() {
    start([this](unsigned) { return std::make_unique<KeepingHandler>(kept_); });
  }

  void send(const ByteVector& bytes) {
    xpub_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }
  void announce(uint64_t publisher = kPublisher) {
    send(transport::encode(transport::Announcement{.publisher = publisher, .tape_name = {}, .session_endpoint = {}}));
  }
  void name_topics() {
    send(transport::encode(transport::Dictionary{.tape = core::TapeId(1), .names = {"A", "B", "C", "D", "E", "F"}}));
  }
  void greet() {
    announce();
    name_topics();
  }
  void end(const std::map<core::Lane, uint64_t>& sent, bool interrupted = false) {
    send(transport::encode(
        transport::EndOfTape{.publisher = kPublisher, .interrupted = interrupted, .records_sent = sent}));
  }

  [[nodiscard]] bool is_over() { return result_.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready; }
  [[nodiscard]] core::Result<Outcome> result() {
    if (result_.wait_for(std::chrono::milliseconds(kDeadline_ms)) != std::future_status::ready) {
      ADD_FAILURE() << "the box did not end";
      stop_.request();
    }
    return result_.get();
  }
  [[nodiscard]] Outcome outcome() {
    auto outcome = result();
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome.value_or(Outcome{});
  }

  std::string folder_;
  Options options_;
  core::StopFlag stop_;
  Kept kept_;
  zmq::context_t context_;
  zmq::socket_t xpub_;
  std::future<core::Result<Outcome>> result_;
};

TEST_F(BlackBox, DeliversAllOfItAndStatesItsDigest) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  send(make_frame(4, 0, 7));
  send(make_frame(1, 5, 3));
  end({{core::Lane(1), 8}, {core::Lane(4), 7}});
  const Outcome all = outcome();
  EXPECT_TRUE(all.receipt.complete) << all.receipt.problem;
  EXPECT_EQ(all.receipt.records, 15u);
  EXPECT_EQ(all.receipt.frames, 3u);
  EXPECT_EQ(all.receipt.digest(), digest_of({{1, 8}, {4, 7}}));
  EXPECT_EQ(all.receipt.subscriber, "test");
  EXPECT_FALSE(all.acknowledged);
  EXPECT_EQ(kept_.payloads[1], payloads(1, 0, 8));
  EXPECT_EQ(kept_.payloads[4], payloads(4, 0, 7));
  EXPECT_EQ(kept_.topics.front(), "B");
}

TEST_F(BlackBox, AGapInTheSequenceIsCountedAndTheReceiptIsIncomplete) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  send(make_frame(1, 9, 3));
  end({{core::Lane(1), 12}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_THAT(receipt.problem, HasSubstr("4 records lost"));
  EXPECT_EQ(receipt.gaps, 1u);
  EXPECT_EQ(receipt.records_lost, 4u);
  EXPECT_EQ(receipt.records, 8u);
}

TEST_F(BlackBox, AFirstFrameThatIsNotTheFirstIsAGap) {
  start();
  greet();
  send(make_frame(1, 5, 5));
  end({{core::Lane(1), 10}});
  EXPECT_EQ(outcome().receipt.records_lost, 5u);
}

TEST_F(BlackBox, AFrameWhoseEnvelopeIsDamagedIsCountedAndLeftOut) {
  start();
  greet();
  auto damaged = make_frame(1, 0, 5);
  damaged[transport::kPrefixSize + 20] ^= std::byte{1};
  send(damaged);
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 5}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.bad_frames, 1u);
  EXPECT_EQ(receipt.digest(), digest_of({{1, 5}}));
}

TEST_F(BlackBox, ARepeatedFrameIsLeftOut) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  send(make_frame(1, 0, 5));
  send(make_frame(1, 5, 3));
  end({{core::Lane(1), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.repeated_records, 5u);
  EXPECT_EQ(receipt.digest(), digest_of({{1, 8}}));
  EXPECT_EQ(kept_.payloads[1], payloads(1, 0, 8));
}

TEST_F(BlackBox, AnotherPublisherOnTheSameEndpointIsIgnored) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  announce(99);
  send(make_frame(1, 0, 50, 99));
  send(make_frame(2, 3, 50, 99));
  send(transport::encode(transport::EndOfTape{.publisher = 99, .records_sent = {}}));
  send(make_frame(1, 5, 3));
  end({{core::Lane(1), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.records, 8u);
}

TEST_F(BlackBox, WhatTheEndSaysWasSentAndDidNotComeIsLost) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 7}, {core::Lane(2), 10}, {core::Lane(65535), 4}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_EQ(receipt.gaps, 2u);
  EXPECT_EQ(receipt.records_lost, 12u);
}

TEST_F(BlackBox, ADamagedBlockMakesTheReceiptIncomplete) {
  start();
  greet();
  ByteVector frame = make_frame(1, 0, 5);
  frame[transport::kHeadroom + tape::kHeaderSize + 3] ^= std::byte{1};
  send(frame);
  send(make_frame(1, 5, 3));
  end({{core::Lane(1), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_EQ(receipt.damaged_blocks, 1u);
  EXPECT_EQ(receipt.records_lost, 5u);
  EXPECT_EQ(kept_.payloads[1], payloads(1, 5, 3));
}

TEST_F(BlackBox, AFrameWithADamagedEnvelopeIsAGap) {
  start();
  greet();
  ByteVector frame = make_frame(1, 0, 5);
  frame[transport::kPrefixSize + 20] ^= std::byte{1};
  send(frame);
  send({std::byte{'T'}, std::byte{'D'}, std::byte{'L'}});
  send({std::byte{'T'}, std::byte{'D'}, std::byte{'S'}, std::byte{'/'}, std::byte{'?'}});
  ByteVector no_lane = make_frame(1024, 0, 5);
  send(no_lane);
  send(make_frame(1, 5, 3));
  end({{core::Lane(1), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_EQ(receipt.gaps, 1u);
  EXPECT_EQ(receipt.records_lost, 5u);
}

TEST_F(BlackBox, AnInterruptedReplayIsAnIncompleteOne) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 5}}, /*interrupted=*/true);
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_THAT(receipt.problem, HasSubstr("interrupted"));
  EXPECT_EQ(receipt.records, 5u);
}

TEST_F(BlackBox, SilenceEndsIt) {
  options_.silence_ns = 100 * kMillisecond_ns;
  start();
  greet();
  send(make_frame(1, 0, 5));
  const Outcome silent = outcome();
  EXPECT_FALSE(silent.interrupted);
  EXPECT_FALSE(silent.receipt.complete);
  EXPECT_THAT(silent.receipt.problem, HasSubstr("silent for 100 ms"));
  EXPECT_EQ(silent.receipt.records, 5u);
}

TEST_F(BlackBox, SilenceEndsItThoughAnotherReplayHasTakenThePlace) {
  options_.silence_ns = 100 * kMillisecond_ns;
  start();
  greet();
  for (uint64_t i = 0; !is_over(); ++i) {
    ASSERT_LT(i, 2000u) << "the box did not end";
    send(make_frame(1, 5 * i, 5, 99));
    announce(99);
  }
  EXPECT_THAT(outcome().receipt.problem, HasSubstr("silent"));
}

TEST_F(BlackBox, AHandlerThatThrowsEndsItWithAnError) {
  start([](unsigned) { return std::make_unique<ThrowingHandler>(); });
  greet();
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 5}});
  const auto failed = result();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("no more room in the book"));
  EXPECT_THAT(failed.error().message, HasSubstr("record 0 of lane 1"));
}

TEST_F(BlackBox, TheStopFlagEndsItWhileItWaitsForAReplay) {
  start();
  stop_.request();
  const Outcome stopped = outcome();
  EXPECT_TRUE(stopped.interrupted);
  EXPECT_FALSE(stopped.receipt.complete);
}

TEST_F(BlackBox, TheStopFlagEndsItInTheMiddle) {
  start();
  greet();
  send(make_frame(1, 0, 5));
  stop_.request();
  EXPECT_TRUE(outcome().interrupted);
}

TEST_F(BlackBox, FramesThatComeBeforeTheNamesAreHeldAndThenDeliveredInOrder) {
  start();
  announce();
  send(make_frame(1, 0, 5));
  send(make_frame(2, 0, 5));
  send(make_frame(1, 5, 3));
  name_topics();
  send(make_frame(1, 8, 2));
  end({{core::Lane(1), 10}, {core::Lane(2), 5}});
  EXPECT_TRUE(outcome().receipt.complete);
  EXPECT_EQ(kept_.payloads[1], payloads(1, 0, 10));
  EXPECT_THAT(kept_.blocks[1], ElementsAre(0, 5, 8));
  EXPECT_EQ(std::count(kept_.topics.begin(), kept_.topics.end(), ""), 0);
}

TEST_F(BlackBox, FramesAreHeldUpToABoundAndTheOldestAreLetGo) {
  options_.queue_bytes = 2 * make_frame(1, 0, 5).size();
  start();
  announce();
  for (uint64_t i = 0; i < 5; ++i) send(make_frame(1, 5 * i, 5));
  name_topics();
  end({{core::Lane(1), 25}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_EQ(receipt.gaps, 1u);
  EXPECT_EQ(receipt.records_lost, 15u);
  EXPECT_EQ(kept_.payloads[1], payloads(1, 15, 10));
}

TEST_F(BlackBox, ByLaneKeepsTheOrderOfEachLaneWithManyWorkers) {
  options_.workers = 3;
  start();
  greet();
  for (uint64_t i = 0; i < 100; ++i) {
    for (uint16_t lane = 0; lane < 6; ++lane) send(make_frame(lane, 5 * i, 5));
  }
  std::map<core::Lane, uint64_t> sent;
  std::map<uint16_t, uint32_t> counts;
  for (uint16_t lane = 0; lane < 6; ++lane) {
    sent[core::Lane(lane)] = 500;
    counts[lane] = 500;
  }
  end(sent);
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  for (uint16_t lane = 0; lane < 6; ++lane) EXPECT_EQ(kept_.payloads[lane], payloads(lane, 0, 500));
  EXPECT_EQ(receipt.digest(), digest_of(counts));
}

TEST_F(BlackBox, AnyGivesTheSameDigestInWhateverOrderRunsAreHandled) {
  options_.workers = 3;
  options_.dispatch = Dispatch::kAny;
  start();
  greet();
  for (uint64_t i = 0; i < 300; ++i) send(make_frame(1, 5 * i, 5));
  end({{core::Lane(1), 1500}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.digest(), digest_of({{1, 1500}}));
}

TEST_F(BlackBox, OptionsThatCannotBeAreRefused) {
  const auto refused = [this] {
    const auto outcome = run(
        options_, [](unsigned) { return std::make_unique<ThrowingHandler>(); }, stop_);
    return !outcome && outcome.error().code == core::ExitCode::kUsage;
  };
  options_.workers = 0;
  EXPECT_TRUE(refused());
  options_.workers = 1025;
  EXPECT_TRUE(refused());
  options_.workers = 1;
  options_.endpoint = "nowhere";
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace tapedeck::blackbox
