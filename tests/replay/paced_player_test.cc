#include "replay/paced_player.h"

#include <gtest/gtest.h>

#include <future>

namespace tapedeck::replay {
namespace {

constexpr auto kPlayerDeadline = std::chrono::seconds(30);

// A player to which its read-ahead gives nothing, for the disk takes its time.
class WaitingPlayerTest : public testing::Test {
 protected:
  // Whether house is kept meanwhile.
  bool keeps_house(void (PacedPlayer::*run)(const std::function<void()>&)) {
    PacedPlayer player({.start = core::Nanos(1), .end = core::Nanos(2)}, clock_, runs_, publisher_, stop_,
                       core::system_clock());
    std::promise<void> kept;
    int times = 0;
    auto ended = std::async(std::launch::async, [&] {
      (player.*run)([&] {
        if (++times == 3) kept.set_value();
      });
    });
    const bool is_kept = kept.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    stop_.request();
    runs_.close();
    EXPECT_EQ(ended.wait_for(kPlayerDeadline), std::future_status::ready);
    return is_kept;
  }

  core::StopFlag stop_;
  zmq::context_t context_{0};
  const std::optional<PlainTopics> packed_;
  Publisher publisher_{context_, OnSlow::kBlock, 3, core::TapeId(8), 7, packed_, stop_, core::system_clock()};
  TapeClock clock_{core::Nanos(1), core::Nanos(2), 1};
  core::BoundedQueue<replay::Run> runs_{4};
};

TEST_F(WaitingPlayerTest, KeepsHouse) { EXPECT_TRUE(keeps_house(&PacedPlayer::run)); }
TEST_F(WaitingPlayerTest, KeepsHouseInOrderOfArrivalToo) { EXPECT_TRUE(keeps_house(&PacedPlayer::run_in_order)); }

}  // namespace
}  // namespace tapedeck::replay
