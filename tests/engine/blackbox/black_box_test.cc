#include "engine/blackbox/black_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <limits>
#include <stdexcept>

#include "engine/core/durations.h"
#include "engine/transport/in_band.h"
#include "engine/transport/plain_message.h"
#include "engine/transport/socket.h"
#include "tests/engine/blackbox/frames.h"
#include "tests/scratch_folder.h"

namespace tapedeck::blackbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kDeadline_ms = 20'000;

class ThrowingHandler final : public Handler {
 public:
  void on_block(const Block&) override { throw std::runtime_error("no more room in the book"); }
};

// A box on a thread of its own, and a publisher made by hand on the test's thread. It has no session channel.
class BlackBox : public ::testing::Test {
 protected:
  BlackBox() : xpub_(context_, zmq::socket_type::xpub) {
    options_.endpoint = "ipc://" + (folder_ / "data").string();
    options_.name = "test";
    options_.verdict_timeout_ns = core::kMillisecond_ns;
    xpub_.set(zmq::sockopt::linger, 0);
    xpub_.set(zmq::sockopt::rcvtimeo, kDeadline_ms);
    xpub_.bind(options_.endpoint);
    shards_ = {options_.endpoint};
  }
  ~BlackBox() override {
    stop_.request();
    if (result_.valid()) result_.wait();
  }

  void start(HandlerFactory make_handler) {
    result_ =
        std::async(std::launch::async, [this, make_handler] { return run(options_, make_handler, stop_, on_status_); });
    wait_for_subscriptions(xpub_);
  }
  static void wait_for_subscriptions(zmq::socket_t& xpub) {
    for (int subscriptions = 0; subscriptions < 2;) {
      zmq::message_t message;
      ASSERT_TRUE(transport::receive(xpub, message)) << "nobody subscribed";
      if (message.to_string_view().starts_with('\1')) ++subscriptions;
    }
  }
  void start() {
    start([this](unsigned) { return std::make_unique<KeepingHandler>(kept_); });
  }

  void send(const ByteVector& bytes) {
    xpub_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }
  void announce(uint64_t publisher = kPublisher) { send(announcement_of(0, publisher)); }
  // By a shard of the replay that has those endpoints.
  [[nodiscard]] ByteVector announcement_of(uint32_t shard, uint64_t publisher = kPublisher) const {
    return transport::encode(transport::Announcement{.publisher = publisher,
                                                     .tape = core::TapeId(1),
                                                     .tape_name = {},
                                                     .session_endpoint = {},
                                                     .shard = shard,
                                                     .endpoints = shards_});
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
        transport::EndOfTape{.publisher = kPublisher, .shard = 0, .interrupted = interrupted, .records_sent = sent}));
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

  const ScratchFolder folder_;
  Options options_;
  std::vector<std::string> shards_;  // endpoints that the replay has
  core::StopFlag stop_;
  OnStatus on_status_;
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

TEST_F(BlackBox, AFirstFrameThatIsNotTheFirstIsAGapAndToldAsTheBeginning) {
  start();
  greet();
  send(make_frame(1, 5, 5));
  send(make_frame(4, 0, 7));
  send(make_frame(1, 12, 3));
  end({{core::Lane(1), 15}, {core::Lane(4), 7}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_EQ(receipt.records_lost, 7u);
  EXPECT_EQ(receipt.begins_at, (std::map<core::Lane, uint64_t>{{core::Lane(1), 5}}));
  EXPECT_THAT(receipt.problem, HasSubstr("lane 1 from record 5 on, 5 records before"));
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

TEST_F(BlackBox, NamesOfAnotherTapeAreNotOurs) {
  start();
  send(make_frame(1, 0, 5));  // whose publisher is ours from now on
  const auto names_of_another = transport::encode(
      transport::Dictionary{.tape = core::TapeId(2), .names = {"not A", "not B", "not C", "not D", "not E", "not F"}});
  send(names_of_another);
  announce();
  send(names_of_another);
  name_topics();
  end({{core::Lane(1), 5}});
  EXPECT_TRUE(outcome().receipt.complete);
  EXPECT_THAT(kept_.topics, testing::Each("B"));
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

TEST_F(BlackBox, SequencesThatNoReplayReachesAreBadFramesAndNotLosses) {
  start();
  greet();
  send(make_frame(1, std::numeric_limits<uint64_t>::max() - 2, 5, {make_block(1, 0, 5)}));
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 5}, {core::Lane(2), std::numeric_limits<uint64_t>::max()}});
  const Outcome all = outcome();
  EXPECT_EQ(all.receipt.records, 5u);
  EXPECT_EQ(all.receipt.bad_frames, 2u);
  EXPECT_EQ(all.receipt.records_lost, 0u);
  EXPECT_EQ(all.receipt.gaps, 0u);
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
  options_.silence_ns = 100 * core::kMillisecond_ns;
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
  options_.silence_ns = 100 * core::kMillisecond_ns;
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
  options_.queue_bytes = 2 * (sizeof(zmq::message_t) + make_frame(1, 0, 5).size());
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

TEST_F(BlackBox, AHandlerThatThrowsMayBeCalledAgain) {
  options_.on_throw = OnThrow::kGoOn;
  options_.workers = 2;
  start([](unsigned) { return std::make_unique<ThrowingHandler>(); });
  greet();
  for (uint64_t i = 0; i < 3; ++i) send(make_frame(1, 5 * i, 5));
  end({{core::Lane(1), 15}});
  const Outcome all = outcome();
  EXPECT_TRUE(all.receipt.complete) << all.receipt.problem;
  EXPECT_EQ(all.throws, 3u);
  EXPECT_THAT(all.first_throw, HasSubstr("worker 1: the handler threw at record 0 of lane 1: no more room"));
}

TEST_F(BlackBox, AHandlerThatThrowsEndsTheRunBeforeTheTapeEnds) {
  start([](unsigned) { return std::make_unique<ThrowingHandler>(); });
  greet();
  send(make_frame(1, 0, 5));
  const auto failed = result();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("worker 0: the handler threw at record 0 of lane 1"));
}

// Waits for as long as it is told to.
class WaitingHandler final : public Handler {
 public:
  explicit WaitingHandler(std::shared_future<void> until) : until_(std::move(until)) {}
  void on_block(const Block&) override { until_.wait(); }

 private:
  std::shared_future<void> until_;
};

TEST_F(BlackBox, AWorkerThatDoesNotComeBackIsNamed) {
  std::promise<void> go_on;
  std::promise<Status::Worker> seen;
  bool told = false;
  options_.stall_ns = core::kMillisecond_ns;
  options_.workers = 2;
  on_status_ = [&](const Status& status) {
    if (told || status.workers[1].stalled_ns == 0) return;
    told = true;
    seen.set_value(status.workers[1]);
    EXPECT_EQ(status.workers[0].stalled_ns, 0);
  };
  start([until = go_on.get_future().share()](unsigned) { return std::make_unique<WaitingHandler>(until); });
  greet();
  send(make_frame(3, 0, 5));
  std::future<Status::Worker> worker = seen.get_future();
  const bool was_told = worker.wait_for(std::chrono::milliseconds(kDeadline_ms)) == std::future_status::ready;
  go_on.set_value();
  end({{core::Lane(3), 5}});
  EXPECT_TRUE(outcome().receipt.complete);
  ASSERT_TRUE(was_told);
  EXPECT_EQ(worker.get().in_hand, "lane 3 from record 0 on");
}

// A replay on the plain wire, made by hand: topic "A" is in lane 0 and so on.
class BlackBoxOfPlainWire : public BlackBox {
 protected:
  void start_plain() {
    start();
    announce_plain();
    for (bool subscribed = false; !subscribed;) {
      zmq::message_t message;
      ASSERT_TRUE(transport::receive(xpub_, message)) << "nobody subscribed to everything";
      subscribed = message.to_string_view() == "\1";
    }
  }
  void announce_plain(uint64_t publisher = kPublisher) {
    send(transport::encode(transport::Announcement{.publisher = publisher,
                                                   .tape = core::TapeId(1),
                                                   .tape_name = {},
                                                   .session_endpoint = {},
                                                   .endpoints = shards_,
                                                   .wire = transport::Wire::kPlain}));
  }
  void name_plain_topics() {
    send(transport::encode(transport::Dictionary{
        .tape = core::TapeId(1), .names = {"A", "B", "C"}, .lanes = {core::Lane(0), core::Lane(1), core::Lane(0)}}));
  }
  void greet_plain() {
    start_plain();
    announce_plain();
    name_plain_topics();
  }
  // Records [first, first + count) as make_block makes them.
  void send_plain(uint16_t lane, uint64_t first, uint64_t count, const std::string& topic) {
    for (uint64_t i = first; i < first + count; ++i) {
      const std::string text = payload(lane, i);
      const transport::PlainMessage message{.topic = topic,
                                            .sequence = i,
                                            .capture_time = core::Nanos(1'500'000'000'000'000'000 + i),
                                            .source_time = core::Nanos(i),
                                            .payload = core::as_bytes(text)};
      ByteVector bytes(transport::plain_size(message));
      transport::write_plain(bytes.data(), message);
      send(bytes);
    }
  }
};

TEST_F(BlackBoxOfPlainWire, DeliversAllOfItAndStatesTheDigestOfThePackedWire) {
  greet_plain();
  send_plain(0, 0, 5, "A");
  send_plain(1, 0, 7, "B");
  send_plain(0, 5, 3, "A");
  end({{core::Lane(0), 8}, {core::Lane(1), 7}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.digest(), digest_of({{0, 8}, {1, 7}}));
  EXPECT_EQ(kept_.payloads[0], payloads(0, 0, 8));
}

TEST_F(BlackBoxOfPlainWire, AJumpInTheSequenceOfATopicIsAGapAndARepetitionIsLeftOut) {
  greet_plain();
  send_plain(0, 0, 5, "A");
  send_plain(0, 3, 2, "A");
  send_plain(0, 9, 3, "A");
  send_plain(1, 0, 2, "B");
  end({{core::Lane(0), 12}, {core::Lane(1), 4}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_EQ(receipt.gaps, 2u);
  EXPECT_EQ(receipt.records_lost, 6u);
  EXPECT_EQ(receipt.repeated_records, 2u);
  EXPECT_EQ(receipt.records, 10u);
}

TEST_F(BlackBoxOfPlainWire, RecordsThatComeBeforeTheNamesAreHeld) {
  start_plain();
  send_plain(0, 0, 5, "A");
  name_plain_topics();
  send_plain(0, 5, 3, "A");
  end({{core::Lane(0), 8}});
  EXPECT_TRUE(outcome().receipt.complete);
  EXPECT_EQ(kept_.payloads[0], payloads(0, 0, 8));
}

TEST_F(BlackBoxOfPlainWire, WhatIsNoRecordOfTheTapeIsCountedAndLeftOut) {
  greet_plain();
  send_plain(0, 0, 5, "A");
  send_plain(0, 0, 5, "elsewhere");
  send({std::byte{'A'}, std::byte{0}});
  end({{core::Lane(0), 5}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.bad_frames, 6u);
}

TEST_F(BlackBoxOfPlainWire, SequencesThatNoReplayReachesAreBadMessagesAndNotLosses) {
  greet_plain();
  send_plain(0, 0, 5, "A");
  send_plain(0, UINT64_MAX - 1, 1, "A");
  send_plain(0, transport::kWireSequenceMax + 1, 1, "A");
  send_plain(0, 5, 3, "A");
  end({{core::Lane(0), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.bad_frames, 2u);
  EXPECT_EQ(receipt.records, 8u);
}

TEST_F(BlackBoxOfPlainWire, TopicsOfALaneLoseNoMoreTogetherThanALaneCan) {
  greet_plain();
  send_plain(0, 0, 5, "A");
  send_plain(0, transport::kWireSequenceMax, 1, "C");
  send_plain(0, transport::kWireSequenceMax, 1, "A");
  end({{core::Lane(0), transport::kWireSequenceMax}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_EQ(receipt.bad_frames, 1u);
  EXPECT_EQ(receipt.records_lost, transport::kWireSequenceMax - 6);
}

TEST_F(BlackBoxOfPlainWire, NothingIsTakenOnceAnotherReplayPublishesThere) {
  options_.silence_ns = 100 * core::kMillisecond_ns;
  greet_plain();
  send_plain(0, 0, 5, "A");
  announce_plain(99);
  send_plain(0, 5, 5, "A");
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_THAT(receipt.problem, HasSubstr("silent"));
  EXPECT_EQ(receipt.records, 5u);
}

// A replay of two shards, made by hand.
class BlackBoxOfShards : public BlackBox {
 protected:
  BlackBoxOfShards() : second_(context_, zmq::socket_type::xpub) {
    shards_.push_back("ipc://" + (folder_ / "second").string());
    options_.endpoint = fmt::format("{}", fmt::join(shards_, ","));
    second_.set(zmq::sockopt::linger, 0);
    second_.set(zmq::sockopt::rcvtimeo, kDeadline_ms);
    second_.bind(shards_[1]);
  }

  void start_all() {
    start();
    wait_for_subscriptions(second_);
  }
  void send_by_second(const ByteVector& bytes) {
    second_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }
  void end_second(const std::map<core::Lane, uint64_t>& sent) {
    send_by_second(transport::encode(
        transport::EndOfTape{.publisher = kPublisher, .shard = 1, .interrupted = false, .records_sent = sent}));
  }

  zmq::socket_t second_;
};

// The parameter: how many SUB threads.
class BlackBoxOfThreads : public BlackBoxOfShards, public ::testing::WithParamInterface<unsigned> {};

TEST_P(BlackBoxOfThreads, EveryShardIsReceivedUntilTheLastHasEnded) {
  options_.subscribers = GetParam();
  start_all();
  greet();
  send(make_frame(1, 0, 5));
  end({{core::Lane(1), 5}});
  end({{core::Lane(1), 5}});
  send_by_second(announcement_of(1));
  send_by_second(transport::encode(transport::Dictionary{.tape = core::TapeId(1), .names = {"A", "B", "C"}}));
  send_by_second(make_frame(2, 0, 7));
  send_by_second(make_frame(2, 7, 1));
  end_second({{core::Lane(2), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_TRUE(receipt.complete) << receipt.problem;
  EXPECT_EQ(receipt.digest(), digest_of({{1, 5}, {2, 8}}));
  EXPECT_EQ(kept_.payloads[1], payloads(1, 0, 5));
  EXPECT_EQ(kept_.payloads[2], payloads(2, 0, 8));
}

INSTANTIATE_TEST_SUITE_P(Subscribers, BlackBoxOfThreads, ::testing::Values(0, 1, 2));

TEST_F(BlackBoxOfShards, WhatASecondShardDidNotSendIsLost) {
  start_all();
  greet();
  send(make_frame(1, 0, 5));
  send_by_second(announcement_of(1));
  end({{core::Lane(1), 5}});
  end_second({{core::Lane(2), 8}});
  const transport::Receipt receipt = outcome().receipt;
  EXPECT_FALSE(receipt.complete);
  EXPECT_EQ(receipt.records_lost, 8u);
}

TEST_F(BlackBoxOfShards, EndpointsOfSomeShardsOnlyAreRefused) {
  options_.endpoint = shards_[0];
  start();
  announce();
  const auto failed = result();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, core::ExitCode::kUsage);
  EXPECT_THAT(failed.error().message, HasSubstr("2 shards and 1 endpoints"));
  EXPECT_THAT(failed.error().message, HasSubstr(shards_[0] + "," + shards_[1]));
}

TEST_F(BlackBoxOfShards, AnEndpointWhereNobodyAnnouncesAShardIsNamedAfterTheSilence) {
  options_.silence_ns = 100 * core::kMillisecond_ns;
  start_all();
  announce();
  const auto failed = result();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("of the 2 shards of the replay only 1 were heard"));
}

TEST_F(BlackBoxOfShards, MoreThreadsThanEndpointsAreRefused) {
  options_.subscribers = 3;
  EXPECT_EQ(run(
                options_, [](unsigned) { return std::make_unique<ThrowingHandler>(); }, stop_)
                .error()
                .code,
            core::ExitCode::kUsage);
}

}  // namespace
}  // namespace tapedeck::blackbox
