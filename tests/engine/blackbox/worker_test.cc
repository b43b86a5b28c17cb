#include "engine/blackbox/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/engine/blackbox/frames.h"

namespace tapedeck::blackbox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using transport::kHeadroom;

// A worker on a thread of its own, and the other end of its socket.
class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : push_(context_, zmq::socket_type::push) {
    push_.bind("inproc://w");
    zmq::socket_t pull(context_, zmq::socket_type::pull);
    pull.connect("inproc://w");
    worker_ = std::make_unique<Worker>(
        WorkerContext{OnThrow::kStop, stop_, accounts_, topics_, core::system_clock(), offset_}, std::move(pull),
        std::make_unique<KeepingHandler>(kept_));
    thread_ = std::thread([this] { worker_->run(); });
  }
  ~WorkerTest() override {
    push_.close();
    context_.shutdown();
    thread_.join();
  }

  // Waits until the worker has handled it.
  void handle(const ByteVector& frame) {
    const uint64_t before = worker_->frames();
    // libzmq orders what we did to kept_ before what the handler does; its lock lets ThreadSanitizer see that.
    kept_.mutex.lock();
    kept_.mutex.unlock();
    push_.send(zmq::const_buffer(frame.data(), frame.size()), zmq::send_flags::none);
    const int64_t deadline_ns = core::system_clock().monotonic_ns() + 20'000'000'000;
    while (worker_->frames() == before) {
      ASSERT_LT(core::system_clock().monotonic_ns(), deadline_ns) << "the worker did not handle the frame";
      std::this_thread::yield();
    }
  }

  zmq::context_t context_{0};
  zmq::socket_t push_;
  core::StopFlag stop_;
  LaneAccounts accounts_;
  TopicTable topics_;
  std::atomic<int64_t> offset_{0};
  Kept kept_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

TEST_F(WorkerTest, HandsOutEveryBlockOfARunWithItsSequence) {
  handle(make_frame(2, 0, 12, {make_block(2, 0, 5), make_block(2, 5, 4, tape::Codec::kLz4), make_block(2, 9, 3)}));
  EXPECT_THAT(kept_.blocks[2], ElementsAre(0, 5, 9));
  EXPECT_EQ(kept_.payloads[2], payloads(2, 0, 12));
  EXPECT_EQ(worker_->records(), 12u);
  EXPECT_EQ(worker_->records_lost(), 0u);
  EXPECT_EQ(worker_->damaged_blocks(), 0u);
  EXPECT_EQ(tape::tape_digest(accounts_.digests()), digest_of({{2, 12}}));
}

TEST_F(WorkerTest, SkipsADamagedBlockAndGoesOnBehindIt) {
  for (const tape::Codec codec : tape::kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const uint64_t records_before = worker_->records();
    const uint64_t lost_before = worker_->records_lost();
    const uint64_t damaged_before = worker_->damaged_blocks();
    kept_.blocks.clear();
    kept_.payloads.clear();
    ByteVector damaged = make_block(2, 5, 40, codec);
    damaged[tape::kHeaderSize + 20] ^= std::byte{1};
    handle(make_frame(2, 0, 48, {make_block(2, 0, 5, codec), damaged, make_block(2, 45, 3, codec)}));
    EXPECT_THAT(kept_.blocks[2], ElementsAre(0, 45));
    EXPECT_EQ(worker_->records() - records_before, 8u);
    EXPECT_EQ(worker_->records_lost() - lost_before, 40u);
    EXPECT_EQ(worker_->damaged_blocks() - damaged_before, 1u);
  }
}

TEST_F(WorkerTest, BehindADamagedHeaderNothingCanBeFound) {
  ByteVector damaged = make_block(2, 5, 4);
  damaged[30] ^= std::byte{1};
  handle(make_frame(2, 0, 12, {make_block(2, 0, 5), damaged, make_block(2, 9, 3)}));
  EXPECT_THAT(kept_.blocks[2], ElementsAre(0));
  EXPECT_EQ(worker_->records_lost(), 7u);
  EXPECT_EQ(worker_->damaged_blocks(), 1u);
}

TEST_F(WorkerTest, ABlockThatIsCutShortIsDamaged) {
  ByteVector cut = make_block(2, 5, 4);
  cut.resize(cut.size() - 8);
  handle(make_frame(2, 0, 9, {make_block(2, 0, 5), cut}));
  EXPECT_THAT(kept_.blocks[2], ElementsAre(0));
  EXPECT_EQ(worker_->records_lost(), 4u);
  EXPECT_EQ(worker_->damaged_blocks(), 1u);
}

TEST_F(WorkerTest, ARunOfMoreRecordsThanTheEnvelopeSaysIsDamaged) {
  handle(make_frame(2, 0, 7, {make_block(2, 0, 5), make_block(2, 5, 4)}));
  EXPECT_THAT(kept_.blocks[2], ElementsAre(0));
  EXPECT_EQ(worker_->records_lost(), 2u);
  EXPECT_EQ(worker_->damaged_blocks(), 1u);
}

TEST_F(WorkerTest, WhatTheEnvelopePromisesAndTheRunLacksIsLost) {
  handle(make_frame(2, 0, 100, {make_block(2, 0, 5)}));
  EXPECT_EQ(worker_->records(), 5u);
  EXPECT_EQ(worker_->records_lost(), 95u);
}

TEST_F(WorkerTest, ARunOfGarbageIsLostAndTheNextOneIsHandled) {
  handle(make_frame(2, 0, 5, {ByteVector(1000, std::byte{0x5a})}));
  handle(make_frame(2, 5, 5, {ByteVector(3)}));
  handle(make_frame(2, 10, 5, std::vector<ByteVector>{}));
  EXPECT_EQ(worker_->damaged_blocks(), 2u);
  EXPECT_EQ(worker_->records_lost(), 15u);
  EXPECT_THAT(kept_.blocks, IsEmpty());
  handle(make_frame(2, 15, 5));
  EXPECT_THAT(kept_.blocks[2], ElementsAre(15));
  EXPECT_EQ(accounts_.digests().at(core::Lane(2)).records, 5u);
}

}  // namespace
}  // namespace tapedeck::blackbox
