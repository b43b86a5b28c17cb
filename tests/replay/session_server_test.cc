#include "replay/session_server.h"

#include <gtest/gtest.h>

#include <thread>

namespace tapedeck::replay {
namespace {

constexpr uint64_t kPublisher = 7;
constexpr int64_t kSilence_ns = 10'000'000'000;

// Set by the test, read by the server's thread.
class SetClock final : public core::Clock {
 public:
  [[nodiscard]] core::Nanos now() const override { return core::Nanos(static_cast<uint64_t>(monotonic_ns())); }
  [[nodiscard]] int64_t monotonic_ns() const override { return now_ns.load(); }
  bool sleep_until(int64_t, const core::StopFlag&) const override { return true; }

  std::atomic<int64_t> now_ns{1'000'000'000};
};

// A server, and a subscriber that has joined.
class SessionServerTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto endpoint = transport::parse_endpoint("inproc://session");
    ASSERT_TRUE(server_.bind(*endpoint));
    subscriber_.set(zmq::sockopt::rcvtimeo, 20'000);
    subscriber_.connect("inproc://session");
    thread_ = std::thread([this] { server_.run(); });
    tell(transport::Hello{.publisher = kPublisher, .name = "box"});
    ASSERT_TRUE(std::holds_alternative<transport::Welcome>(hear()));
  }
  void TearDown() override {
    server_.stop();
    thread_.join();
  }

  void tell(const transport::SessionMessage& message) {
    zmq::message_t body(transport::encode(message));
    ASSERT_TRUE(transport::send(subscriber_, body));
  }
  transport::SessionMessage hear() {
    zmq::message_t message;
    EXPECT_TRUE(transport::receive(subscriber_, message));
    const auto decoded = transport::decode_session_message(transport::bytes_of(message));
    EXPECT_TRUE(decoded);
    return decoded ? *decoded : transport::SessionMessage{};
  }
  // Tells where it is, so much later, and lets the server draw its conclusions.
  void progress(int64_t later_ns, const transport::Progress& progress) {
    clock_.now_ns += later_ns;
    for (int i = 0; i < 2; ++i) {  // the second is answered after what follows from the first
      clock_.now_ns += kSilence_ns / 100;
      tell(progress);
      ASSERT_TRUE(std::holds_alternative<transport::Pong>(hear()));
    }
  }
  bool is_dead() { return server_.participants().at(0).dead; }

  SetClock clock_;
  transport::SendLimit limit_;
  zmq::context_t context_{0};
  SessionServer server_{context_, kPublisher, kSilence_ns, {.sent = [] { return 100; }, .limit = limit_}, clock_};
  zmq::socket_t subscriber_{context_, zmq::socket_type::dealer};
  std::thread thread_;
};

TEST_F(SessionServerTest, OnceAllWasSentWhoIsIdleWithoutAReceiptForLongIsDeadWhateverItSays) {
  progress(0, {.records = 5, .is_idle = true});
  progress(3 * kSilence_ns, {.records = 5, .is_idle = true});  // of a paced replay that sends nothing for a while
  EXPECT_FALSE(is_dead());
  server_.expect({});
  progress(kSilence_ns * 9 / 10, {.records = 5, .is_idle = true});
  EXPECT_FALSE(is_dead());
  progress(kSilence_ns * 2 / 10, {.records = 5, .is_idle = true});
  EXPECT_TRUE(is_dead());
  EXPECT_TRUE(server_.all_settled());
}

TEST_F(SessionServerTest, WhoIsSlowButMovesIsNotDead) {
  server_.expect({});
  for (uint64_t records = 1; records < 6; ++records) {
    progress(kSilence_ns * 9 / 10, {.records = records, .is_idle = true});
    EXPECT_FALSE(is_dead());
  }
  for (int i = 0; i < 5; ++i) {  // a handler that takes long
    progress(kSilence_ns * 9 / 10, {.records = 5, .is_idle = false});
    EXPECT_FALSE(is_dead());
  }
}

TEST_F(SessionServerTest, WhoIsNotHeardIsDeadUntilItIs) {
  progress(0, {.records = 5});
  clock_.now_ns += 2 * kSilence_ns;
  while (!is_dead()) std::this_thread::yield();
  progress(0, {.records = 6});
  EXPECT_FALSE(is_dead());
}

}  // namespace
}  // namespace tapedeck::replay
