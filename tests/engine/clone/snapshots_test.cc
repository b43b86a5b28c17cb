#include "engine/clone/snapshots.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

constexpr size_t kMoreKeysThanAQueueHas = 2'000;
constexpr const char* kEndpoint = "inproc://snapshots";

// The snapshot socket of a server without the server, on a clock of the test's own.
class SnapshotsTest : public ::testing::Test {
 protected:
  SnapshotsTest() {
    for (size_t i = 0; i < kMoreKeysThanAQueueHas; ++i) {
      const std::string key = fmt::format("k{}", i);
      store_.apply({.key = key, .value = "v"}, 0, 0);
    }
  }

  static zmq::socket_t bound_router(zmq::context_t& context, const char* endpoint = kEndpoint) {
    zmq::socket_t router(context, zmq::socket_type::router);
    router.bind(endpoint);
    return router;
  }
  zmq::socket_t ask(const std::string& subtree, const char* endpoint = kEndpoint) {
    zmq::socket_t dealer(context_, zmq::socket_type::dealer);
    dealer.set(zmq::sockopt::rcvhwm, 1);
    dealer.set(zmq::sockopt::linger, 0);
    dealer.connect(endpoint);
    EXPECT_EQ(send_frame(dealer, frame_of(kRequest), true), Sent::kYes);
    EXPECT_EQ(send_frame(dealer, frame_of(subtree), false), Sent::kYes);
    return dealer;
  }
  // Clients that ask for everything and read nothing.
  void ask_and_never_read(size_t clients) {
    for (size_t i = 0; i < clients; ++i) deaf_.push_back(ask(""));
  }
  // As a server does, for so long. Until then it has waited as long as next_send_ns() says.
  void pass_time(int64_t duration_ns) {
    for (const int64_t end_ns = now_ns_ + duration_ns; now_ns_ < end_ns;) {
      snapshots_.receive(now_ns_);
      snapshots_.send(store_, now_ns_);
      now_ns_ = std::max(now_ns_ + 1'000, std::min(end_ns, snapshots_.next_send_ns(now_ns_)));
    }
  }
  static std::string first_key(zmq::socket_t& dealer) {
    Frames frames;
    if (!frames.receive(dealer)) return "nothing";
    return std::string(core::as_text(frames.bytes()[0]));
  }

  zmq::context_t context_;
  Limits limits_;
  Store store_{limits_};
  Snapshots snapshots_{bound_router(context_), limits_, 0, "instance=1\n"};
  std::vector<zmq::socket_t> deaf_;
  int64_t now_ns_ = 0;
};

TEST_F(SnapshotsTest, WaitsWhileNobodyReadsHoweverManyTheyAre) {
  for (const size_t clients : {1, 3, 16, 80}) {
    ask_and_never_read(clients);
    pass_time(core::kMillisecond_ns * 100);
    EXPECT_GT(snapshots_.next_send_ns(now_ns_), now_ns_) << deaf_.size();
  }
}

TEST_F(SnapshotsTest, ThoseThatNeverReadDoNotKeepOthersFromJoining) {
  ask_and_never_read(300);
  pass_time(core::kMillisecond_ns);
  zmq::socket_t reader = ask("/none/");
  pass_time(core::kSecond_ns);
  EXPECT_EQ(first_key(reader), kEnd);
}

TEST_F(SnapshotsTest, OneThatReadsLaterGetsItsSnapshotAllTheSame) {
  ask_and_never_read(1);
  pass_time(2 * core::kSecond_ns);
  zmq::socket_t& reader = deaf_.front();
  Frames frames;
  size_t received = 0;
  while (frames.receive(reader) && core::as_text(frames.bytes()[0]) != kEnd) {
    ++received;
    pass_time(core::kMillisecond_ns);
  }
  EXPECT_EQ(received, kMoreKeysThanAQueueHas);
  EXPECT_EQ(snapshots_.counters().finished, 1u);
}

TEST_F(SnapshotsTest, OneThatNeverReadsLosesItsPlaceInTheEnd) {
  ask_and_never_read(1);
  pass_time(4 * core::kSecond_ns);
  EXPECT_EQ(snapshots_.counters().stalled, 0u);
  pass_time(2 * core::kSecond_ns);
  EXPECT_EQ(snapshots_.counters().stalled, 1u);
  EXPECT_EQ(snapshots_.next_send_ns(now_ns_), INT64_MAX);
}

TEST_F(SnapshotsTest, TheirNumberIsBounded) {
  ask_and_never_read(900);
  pass_time(4 * core::kSecond_ns);
  EXPECT_GT(snapshots_.counters().stalled, 300u);
}

TEST_F(SnapshotsTest, AClientThatWaitsAndAsksAgainKeepsItsPlace) {
  Snapshots snapshots(bound_router(context_, "inproc://one"), {.clients_max = 1}, core::kSecond_ns, "instance=1\n");
  zmq::socket_t dealer = ask("", "inproc://one");
  EXPECT_EQ(send_frame(dealer, frame_of(kRequest), true), Sent::kYes);
  EXPECT_EQ(send_frame(dealer, frame_of(""), false), Sent::kYes);
  snapshots.receive(0);
  EXPECT_EQ(snapshots.counters().repeated, 1u);
  EXPECT_EQ(snapshots.counters().refused, 0u);
}

}  // namespace
}  // namespace tapedeck::clone
