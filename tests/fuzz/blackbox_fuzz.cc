// Messages of any origin on the data socket of a Black Box, through its subscriber thread and a worker, to a handler.
// The first byte of the input tells whether data frames are put right and whether a dictionary comes first; then come
// the messages, each a piece. What the box says of the records is compared with what the handler was given.
#include <thread>

#include "engine/blackbox/subscriber.h"
#include "engine/blackbox/worker.h"
#include "engine/core/crc32c.h"
#include "engine/transport/in_band.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"

namespace tapedeck::fuzz {
namespace {

using Digests = std::map<core::Lane, tape::LaneDigest>;

constexpr uint64_t kPublisher = 77;

// Adds up what it is given.
class CountingHandler final : public blackbox::Handler {
 public:
  explicit CountingHandler(Digests& digests) : digests_(digests) {}
  void on_block(const blackbox::Block& block) override {
    for (const tape::RecordView record : block.records) (void)block.topics.name(record.topic());
    const Bytes bytes = block.records.records.bytes();
    digests_[block.lane].add(block.records.size(), core::crc32c(bytes), bytes.size());
  }

 private:
  Digests& digests_;
};

// A subscriber thread and one worker, of which the caller is the former.
class Box {
 public:
  Box() : publish_(context_, zmq::socket_type::push), data_(context_, zmq::socket_type::pull) {
    publish_.set(zmq::sockopt::sndhwm, 0);
    data_.set(zmq::sockopt::rcvhwm, 0);
    publish_.bind("inproc://data");
    data_.connect("inproc://data");
  }

  void publish(Bytes message) {
    publish_.send(zmq::const_buffer(message.data(), message.size()), zmq::send_flags::none);
  }

  void run() {
    zmq::socket_t pull(context_, zmq::socket_type::pull);
    pull.bind("inproc://worker");
    blackbox::Worker worker(
        {blackbox::OnThrow::kStop, stop_, accounts_, topics_, core::system_clock(), clock_offset_ns_}, std::move(pull),
        std::make_unique<CountingHandler>(given_));
    std::vector<zmq::socket_t> pushes;
    pushes.emplace_back(context_, zmq::socket_type::push).connect("inproc://worker");
    blackbox::Subscriber subscriber({options_, heard_, accounts_, topics_, stop_, core::system_clock()},
                                    std::move(data_), /*shards=*/1, std::move(pushes));
    std::thread thread([&worker] { worker.run(); });
    subscriber.run();
    while (worker.frames() < subscriber.frames()) std::this_thread::yield();
    publish_.close();
    context_.shutdown();
    thread.join();
    check(worker);
  }

 private:
  void check(const blackbox::Worker& worker) const {
    TD_CHECK(worker.throws() == 0);
    TD_CHECK(accounts_.digests() == given_);
    uint64_t records = 0;
    for (const auto& [lane, digest] : given_) records += digest.records;
    TD_CHECK(worker.records() == records);
  }

  zmq::context_t context_{0};
  zmq::socket_t publish_;
  zmq::socket_t data_;
  blackbox::HeardReplay heard_;
  blackbox::LaneAccounts accounts_;
  blackbox::TopicTable topics_;
  blackbox::Options options_{.endpoint = {}, .name = {}, .queue_bytes = 4096};
  core::StopFlag stop_;
  std::atomic<int64_t> clock_offset_ns_{0};
  Digests given_;
};

}  // namespace

void run_one(Bytes bytes) {
  Input input(bytes);
  const uint8_t choice = input.byte();
  Box box;
  box.publish(encode(transport::Announcement{
      .publisher = kPublisher, .tape_name = "t", .session_endpoint = "", .endpoints = {"tcp://a:1"}}));
  if ((choice & 2) != 0) box.publish(encode(transport::Dictionary{.tape = {}, .names = {"A", "B"}}));
  while (!input.empty()) {
    ByteVector message = copy_of(input.piece());
    if ((choice & 1) != 0 && core::as_text(message).starts_with(transport::kDataPrefix)) {
      repair_data_frame(message, kPublisher);
    }
    box.publish(message);
  }
  box.publish(
      encode(transport::EndOfTape{.publisher = kPublisher, .shard = 0, .interrupted = false, .records_sent = {}}));
  box.run();
}

}  // namespace tapedeck::fuzz
