#include "engine/blackbox/session_client.h"

#include <gtest/gtest.h>

#include "engine/core/durations.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::blackbox {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kPublisher = 7;
constexpr uint64_t kWindow = 4000;  // bytes

// Over inproc, where what was sent is there when send() comes back.
class SessionClientTest : public testing::Test {
 protected:
  void join(uint64_t window_bytes) {
    router_.bind("inproc://session");
    client_ = std::make_unique<SessionClient>(context_, "box", kPublisher, window_bytes, clock_, offset_ns_);
    ASSERT_TRUE(client_->connect("inproc://session"));
    client_->step({}, 0ms);
    zmq::message_t identity;
    zmq::message_t hello;
    ASSERT_TRUE(router_.recv(identity, zmq::recv_flags::dontwait) && router_.recv(hello, zmq::recv_flags::dontwait));
    router_.send(identity, zmq::send_flags::sndmore);
    router_.send(zmq::buffer(transport::encode(transport::Welcome{.publisher = kPublisher})), zmq::send_flags::none);
    client_->step({}, 0ms);
    EXPECT_TRUE(tells({.handled = 1})) << "the first";
  }

  bool tells(const SessionClient::Position& position) {
    client_->step(position, 0ms);
    zmq::message_t identity;
    zmq::message_t progress;
    return router_.recv(identity, zmq::recv_flags::dontwait) && router_.recv(progress, zmq::recv_flags::dontwait);
  }

  tape::ManualClock clock_;
  zmq::context_t context_{0};
  zmq::socket_t router_{context_, zmq::socket_type::router};
  std::atomic<int64_t> offset_ns_{0};
  std::unique_ptr<SessionClient> client_;
};

TEST_F(SessionClientTest, WithAWindowItTellsAtOnceThatAQuarterOfItWasHandled) {
  join(kWindow);
  EXPECT_FALSE(tells({.handled = 10, .bytes = kWindow / 4 - 1}));
  EXPECT_TRUE(tells({.handled = 11, .bytes = kWindow / 4}));
  EXPECT_FALSE(tells({.handled = 20, .bytes = kWindow / 2 - 1}));
}

TEST_F(SessionClientTest, WithAWindowItTellsSoonOfAnyProgressAndOnlyOfProgress) {
  join(kWindow);
  clock_.elapsed_ns += 5 * core::kMillisecond_ns;
  EXPECT_FALSE(tells({.handled = 1}));
  EXPECT_TRUE(tells({.handled = 1, .lost = 1}));
  clock_.elapsed_ns += 4 * core::kMillisecond_ns;
  EXPECT_FALSE(tells({.handled = 2, .lost = 1}));
  clock_.elapsed_ns += core::kMillisecond_ns;
  EXPECT_TRUE(tells({.handled = 2, .lost = 1}));
}

TEST_F(SessionClientTest, WithoutAWindowItTellsTenTimesASecond) {
  join(0);
  clock_.elapsed_ns += 99 * core::kMillisecond_ns;
  EXPECT_FALSE(tells({.handled = 1000, .bytes = 1'000'000}));
  clock_.elapsed_ns += core::kMillisecond_ns;
  EXPECT_TRUE(tells({.handled = 1000, .bytes = 1'000'000}));
}

}  // namespace
}  // namespace tapedeck::blackbox
