#include "replay/publisher.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/core/crc32c.h"
#include "engine/tape/block.h"

namespace tapedeck::replay {
namespace {

constexpr uint32_t kRecords = 100;  // of a block
constexpr size_t kBlocks = 20;

// A publisher whose subscriber reads nothing, so that it stands still after a few messages, and is stopped then.
class StoppedPublisherTest : public testing::Test {
 protected:
  void start(const std::optional<PlainTopics>& plain) {
    publisher_.emplace(context_, OnSlow::kBlock, /*frames_max=*/3, core::TapeId(8), /*id=*/7, plain, stop_,
                       core::system_clock());
    ASSERT_TRUE(publisher_->bind(*transport::parse_endpoint("inproc://data")));
    subscriber_.set(zmq::sockopt::rcvhwm, 3);
    subscriber_.set(zmq::sockopt::rcvtimeo, 1000);
    subscriber_.set(zmq::sockopt::subscribe, "");
    subscriber_.connect("inproc://data");
    publisher_->wait_for_subscription();
  }
  // Until it is stopped.
  void send_blocks() {
    std::thread stopper([this] {
      while (publisher_->held_back_ns() == 0) std::this_thread::yield();
      stop_.request();
    });
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < kBlocks; ++i) goes_on = send_block();
    stopper.join();
    EXPECT_FALSE(goes_on);
  }
  bool send_block() {
    const auto sealed = builder_.seal_of(kRecords);
    zmq::message_t message(transport::kHeadroom + sealed.size());
    std::memcpy(message.data<std::byte>() + transport::kHeadroom, sealed.data(), sealed.size());
    tape::BlockHeader header;
    std::memcpy(&header, sealed.data(), sizeof header);
    return publisher_->send(std::move(message), core::Lane(3), 0, {kRecords, header.raw_crc, header.raw_size}, 0);
  }

  struct Builder {
    tape::BlockBuilder blocks{core::TapeId(8), core::Lane(3), false, 1u << 16};
    core::Bytes seal_of(uint32_t records) {
      for (uint32_t i = 0; i < records; ++i) {
        blocks.add({.capture_time = core::Nanos(i), .topic = core::TopicId(0), .payload = core::as_bytes("12345678")});
      }
      return *blocks.seal(tape::Codec::kNone);
    }
  } builder_;
  core::StopFlag stop_;
  zmq::context_t context_{0};
  zmq::socket_t subscriber_{context_, zmq::socket_type::sub};
  std::optional<Publisher> publisher_;
};

TEST_F(StoppedPublisherTest, HasSentWhatItSaysAndNoMore) {
  start(std::nullopt);
  send_blocks();
  tape::LaneDigest got;
  uint64_t frames = 0;
  for (zmq::message_t message; transport::receive(subscriber_, message, zmq::recv_flags::dontwait);) {
    transport::Envelope envelope;
    ASSERT_EQ(transport::read_envelope(transport::bytes_of(message), envelope), transport::FrameError::kNone);
    EXPECT_EQ(envelope.wire_sequence, got.records);
    tape::BlockHeader header;
    std::memcpy(&header, message.data<std::byte>() + transport::kHeadroom, sizeof header);
    got.add(envelope.record_count, header.raw_crc, header.raw_size);
    ++frames;
  }
  EXPECT_GT(got.records, 0u);
  EXPECT_EQ(publisher_->sent().at(core::Lane(3)), got);
  EXPECT_EQ(publisher_->records(), got.records);
  EXPECT_EQ(publisher_->frames(), frames);
}

TEST_F(StoppedPublisherTest, HasSentWhatItSaysAndNoMoreOnThePlainWireToo) {
  const std::optional<PlainTopics> plain =
      PlainTopics{.dictionary = {.tape = core::TapeId(8), .names = {"A"}}, .source_times = false};
  start(plain);
  send_blocks();
  uint64_t messages = 0;
  for (zmq::message_t message; transport::receive(subscriber_, message, zmq::recv_flags::dontwait);) ++messages;
  EXPECT_GT(messages, 0u);
  EXPECT_EQ(publisher_->records(), messages);
  EXPECT_EQ(publisher_->frames(), messages);
  const auto& records = builder_.seal_of(kRecords).subspan(tape::kHeaderSize);
  const size_t record_bytes = tape::kRecordHeadSize + 8;
  const tape::LaneDigest got{messages, core::crc32c(records.first(messages * record_bytes))};
  EXPECT_EQ(publisher_->sent().at(core::Lane(3)), got);
  EXPECT_EQ(publisher_->record_bytes(), messages * record_bytes);
}

}  // namespace
}  // namespace tapedeck::replay
