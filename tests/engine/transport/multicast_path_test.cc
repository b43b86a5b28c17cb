// From a publisher's socket to a subscriber's, through both threads of multicast, over lines in memory that lose what a
// test wants.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "engine/transport/multicast_receiver.h"
#include "engine/transport/multicast_sender.h"
#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kDatagram = 600;
constexpr uint64_t kPublisher = 77;
constexpr uint32_t kRecordsPerFrame = 50;

// What both ends of a line share.
struct Wire {
  std::mutex mutex;
  std::deque<std::vector<std::byte>> under_way;
  std::function<bool(size_t)> loses = [](size_t) { return false; };  // by the number of the datagram
  size_t sent = 0;
  std::atomic<size_t> joins = 0;
  bool is_deaf = false;  // until it is joined anew
  const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ~Wire() { close(event); }
};

class MemorySender final : public LineSender {
 public:
  explicit MemorySender(std::vector<std::shared_ptr<Wire>> wires) : wires_(std::move(wires)) {}
  [[nodiscard]] bool send(const DatagramBatch& batch, const core::StopFlag&) override {
    for (const auto& wire : wires_) {
      const std::lock_guard lock(wire->mutex);
      for (size_t i = 0; i < batch.count(); ++i) {
        const core::Bytes datagram = batch.datagram(i);
        if (!wire->loses(wire->sent++) && !wire->is_deaf)
          wire->under_way.emplace_back(datagram.begin(), datagram.end());
      }
      eventfd_write(wire->event, 1);
    }
    return true;
  }
  [[nodiscard]] bool send_message(core::Bytes message, const core::StopFlag& stop) override {
    DatagramBatch batch(1, message.size());
    std::ranges::copy(message, batch.next().begin());
    batch.commit(message.size());
    return send(batch, stop);
  }
  [[nodiscard]] size_t datagram_bytes() const override { return kDatagram; }
  [[nodiscard]] size_t datagrams_at_once() const override { return 4; }

 private:
  std::vector<std::shared_ptr<Wire>> wires_;
};

class MemoryReceiver final : public LineReceiver {
 public:
  explicit MemoryReceiver(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  [[nodiscard]] int handle() const override { return wire_->event; }
  size_t receive(const std::function<void(core::Bytes)>& take) override {
    std::deque<std::vector<std::byte>> here;
    {
      const std::lock_guard lock(wire_->mutex);
      eventfd_t ignored = 0;
      eventfd_read(wire_->event, &ignored);
      here.swap(wire_->under_way);
    }
    for (const auto& datagram : here) take(datagram);
    return here.size();
  }
  core::Status rejoin() override {
    const std::lock_guard lock(wire_->mutex);
    ++wire_->joins;
    wire_->is_deaf = false;
    return {};
  }
  [[nodiscard]] size_t window_bytes() const override { return 1000; }

 private:
  std::shared_ptr<Wire> wire_;
};

std::vector<std::vector<std::byte>> fragments_of(core::Bytes message) {
  std::vector<std::vector<std::byte>> fragments;
  DatagramBatch batch(1, kDatagram);
  const auto flush = [&] {
    fragments.emplace_back(batch.datagram(0).begin(), batch.datagram(0).end());
    batch.clear();
    return true;
  };
  DatagramCutter cutter(batch, flush);
  EXPECT_TRUE(cutter.cut(message) && flush());
  return fragments;
}

// A publisher, a subscriber, and what is between them.
struct MulticastPath : testing::Test {
  zmq::context_t context{0};
  zmq::socket_t publisher{context, zmq::socket_type::xpub};
  zmq::socket_t subscriber{context, zmq::socket_type::sub};
  std::vector<std::shared_ptr<Wire>> wires{std::make_shared<Wire>(), std::make_shared<Wire>()};
  SendLimit limit;
  FlowWindow window{limit};
  core::Notices notices;
  core::StopFlag stop_sender, stop_receiver;
  std::optional<MulticastSender> sender;
  std::optional<MulticastReceiver> receiver;
  std::thread sender_thread, receiver_thread;
  uint64_t sent = 0;
  transport::Wire wire = transport::Wire::kPacked;
  bool carries_plain = false;

  void start(size_t lines) {
    publisher.set(zmq::sockopt::xpub_nodrop, true);
    publisher.bind("inproc://from");
    sender.emplace(context, "inproc://from",
                   std::make_unique<MemorySender>(std::vector(wires.begin(), wires.begin() + lines)), wire, window,
                   stop_sender, core::system_clock());
    zmq::message_t subscription;
    ASSERT_TRUE(publisher.recv(subscription));
    std::vector<NamedLine> named;
    for (size_t i = 0; i < lines; ++i) {
      named.push_back({.name = fmt::format("line {}", i),
                       .line = std::make_unique<MemoryReceiver>(wires[i]),
                       .carries_plain = carries_plain});
    }
    receiver.emplace(context, "inproc://to", std::move(named), notices, stop_receiver, core::system_clock());
    subscriber.set(zmq::sockopt::subscribe, "");
    subscriber.set(zmq::sockopt::rcvtimeo, 20'000);
    subscriber.connect("inproc://to");
    receiver_thread = std::thread([this] { receiver->run(); });
    sender_thread = std::thread([this] { sender->run(); });
    publish(kAnnouncementPrefix);  // when it has arrived, both ways are there
    while (!has_heard(kAnnouncementPrefix)) publish(kAnnouncementPrefix);
  }
  ~MulticastPath() override {
    sender->finish();
    sender_thread.join();
    stop_receiver.request();
    receiver_thread.join();
    receiver->close();
    publisher.close();
    subscriber.close();
    context.close();
  }

  bool has_heard(std::string_view prefix) {
    zmq::pollitem_t item{subscriber, 0, ZMQ_POLLIN, 0};
    zmq::message_t message;
    return zmq::poll(&item, 1, std::chrono::milliseconds(20)) > 0 && receive(subscriber, message) &&
           message.to_string_view().starts_with(prefix);
  }
  // Whether that comes, however long it takes (within reason); what else comes is taken too.
  bool hears(std::string_view prefix) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!has_heard(prefix)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }
  void publish(std::string_view message) { publish(core::as_bytes(message)); }
  void publish(core::Bytes message) {
    zmq::message_t copy(message.data(), message.size());
    EXPECT_TRUE(send(publisher, copy));
  }

  static std::vector<std::byte> make_frame(uint64_t first) {
    tape::BlockBuilder builder(core::TapeId(8), core::Lane(3), false, 1u << 16);
    for (uint32_t r = 0; r < kRecordsPerFrame; ++r) {
      const std::string text = std::to_string(first + r);
      builder.add({.capture_time = core::Nanos(1), .topic = core::TopicId(1), .payload = core::as_bytes(text)});
    }
    const auto sealed = builder.seal(tape::Codec::kNone);
    std::vector<std::byte> frame(kHeadroom);
    frame.insert(frame.end(), sealed->begin(), sealed->end());
    stamp_envelope(frame, {.lane = 3,
                           .publisher = kPublisher,
                           .wire_sequence = first,
                           .record_count = kRecordsPerFrame,
                           .run_bytes = static_cast<uint32_t>(sealed->size())});
    return frame;
  }
  void publish_records(size_t frames) {
    for (size_t i = 0; i < frames; ++i) {
      publish(make_frame(sent));
      sent += kRecordsPerFrame;
    }
  }
  // Puts on the first line what nobody published.
  void forge(std::vector<std::vector<std::byte>> datagrams) {
    const std::lock_guard lock(wires[0]->mutex);
    for (auto& datagram : datagrams) wires[0]->under_way.push_back(std::move(datagram));
    eventfd_write(wires[0]->event, 1);
  }
  void publish_end() { publish(encode(EndOfTape{.publisher = kPublisher, .records_sent = {{core::Lane(3), sent}}})); }

  // Records, until nothing has come for a while.
  uint64_t hear_what_comes() {
    uint64_t records = 0;
    zmq::pollitem_t item{subscriber, 0, ZMQ_POLLIN, 0};
    while (zmq::poll(&item, 1, std::chrono::milliseconds(200)) > 0) {
      zmq::message_t message;
      Envelope envelope;
      if (!receive(subscriber, message) || read_envelope(bytes_of(message), envelope) != FrameError::kNone) continue;
      records += envelope.record_count;
    }
    return records;
  }

  struct Heard {
    uint64_t records = 0;
    uint64_t missing = 0;  // by the sequence
    size_t bad = 0;
    bool ended = false;
  };
  // Until the end of the tape, which is said again and again.
  Heard hear_all() {
    Heard heard;
    uint64_t next = 0;
    zmq::message_t message;
    while (!heard.ended) {
      zmq::pollitem_t item{subscriber, 0, ZMQ_POLLIN, 0};
      if (zmq::poll(&item, 1, std::chrono::milliseconds(50)) == 0) {
        publish_end();
        continue;
      }
      EXPECT_TRUE(receive(subscriber, message));
      Envelope envelope;
      if (read_envelope(bytes_of(message), envelope) == FrameError::kNone) {
        EXPECT_GE(envelope.wire_sequence, next);
        heard.missing += envelope.wire_sequence - next;
        next = envelope.wire_sequence + envelope.record_count;
        heard.records += envelope.record_count;
      } else {
        heard.ended = message.to_string_view().starts_with(kEndPrefix);
        heard.bad += message.to_string_view().starts_with("TDS/BAD/") ? 1 : 0;
      }
    }
    return heard;
  }
};

TEST_F(MulticastPath, EverythingArrivesAndTheEndIsBehindIt) {
  start(1);
  publish_records(200);
  publish_end();
  const Heard heard = hear_all();
  EXPECT_EQ(heard.records, sent);
  EXPECT_EQ(heard.missing, 0u);
}

TEST_F(MulticastPath, WhatIsLostIsAGapAndNothingElse) {
  wires[0]->loses = [](size_t number) { return number % 50 == 20; };
  start(1);
  publish_records(200);
  const Heard heard = hear_all();
  EXPECT_GT(heard.missing, 0u);
  EXPECT_LE(heard.records + heard.missing, sent);  // the last may be among the lost
  EXPECT_GT(heard.records, sent * 9 / 10);
}

TEST_F(MulticastPath, WhatOneLineLosesComesOverTheOther) {
  wires[0]->loses = [](size_t number) { return number % 7 == 3; };
  wires[1]->loses = [](size_t number) { return number % 7 == 5; };
  start(2);
  publish_records(200);
  const Heard heard = hear_all();
  EXPECT_EQ(heard.records, sent);
  EXPECT_EQ(heard.missing, 0u);
  EXPECT_GT(receiver->repeated_records(), 0u);
}

struct ForeignDatagrams : MulticastPath, testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(OnLinesWithAndWithoutThePlainWire, ForeignDatagrams, testing::Bool());

TEST_P(ForeignDatagrams, AreCountedAndLeftOut) {
  carries_plain = GetParam();
  start(1);
  forge({{100, std::byte{7}}, {1, std::byte{'T'}}});
  publish_records(10);
  const Heard heard = hear_all();
  EXPECT_EQ(heard.bad, 2u);
  EXPECT_EQ(heard.records, sent);
}

TEST_F(MulticastPath, BytesBehindTheRunOfAFrameInFragmentsMeanNothing) {
  start(1);
  for (const uint64_t first : {1, 0, 2}) {  // one waits behind a hole, one joins what is being gathered
    std::vector<std::byte> frame = make_frame(first * kRecordsPerFrame);
    frame.resize(frame.size() + 200'000, std::byte{'A'});
    forge(fragments_of(frame));
    sent += kRecordsPerFrame;
  }
  const Heard heard = hear_all();
  EXPECT_EQ(heard.records, sent);
  EXPECT_EQ(heard.missing, 0u);
}

TEST_P(ForeignDatagrams, AndDamagedFramesTakeNothingElseWithThem) {
  carries_plain = GetParam();
  start(1);
  std::vector<std::vector<std::byte>> frames;
  for (; sent < 20 * kRecordsPerFrame; sent += kRecordsPerFrame) frames.push_back(make_frame(sent));
  frames[10].back() ^= std::byte{1};
  forge(frames);
  const Heard heard = hear_all();
  EXPECT_EQ(heard.bad, 1u);
  EXPECT_EQ(heard.records, 19 * kRecordsPerFrame);
  EXPECT_EQ(heard.missing, kRecordsPerFrame);
}

struct SignsOfLife : MulticastPath, testing::WithParamInterface<transport::Wire> {
  void start() {
    wire = GetParam();
    carries_plain = wire == transport::Wire::kPlain;
    MulticastPath::start(1);
    hear_what_comes();
  }
};
INSTANTIATE_TEST_SUITE_P(OnBothWires, SignsOfLife, testing::Values(transport::Wire::kPacked, transport::Wire::kPlain));

TEST_P(SignsOfLife, ComeWhileThePublisherSaysNothing) {
  start();
  EXPECT_TRUE(hears(kAnnouncementPrefix));
  EXPECT_TRUE(hears(kAnnouncementPrefix));
}

TEST_P(SignsOfLife, ComeWhileSubscribersHoldTheSenderBack) {
  start();
  limit.set(0);
  publish(make_frame(0));
  EXPECT_TRUE(hears(kAnnouncementPrefix));
  EXPECT_TRUE(hears(kAnnouncementPrefix));
  limit.set(UINT64_MAX);
}

TEST_F(MulticastPath, NothingIsSentBeyondTheWindow) {
  start(1);
  limit.set(500);
  publish_records(200);
  EXPECT_LE(hear_what_comes(), 500u);
  limit.set(5000);
  EXPECT_GT(hear_what_comes(), 4000u);
  limit.set(UINT64_MAX);
  EXPECT_TRUE(hear_all().ended);
}

TEST_F(MulticastPath, ALineThatHasGoneDeafIsJoinedAnew) {
  start(1);
  {
    const std::lock_guard lock(wires[0]->mutex);
    wires[0]->is_deaf = true;
  }
  while (!has_heard(kAnnouncementPrefix)) publish(kAnnouncementPrefix);
  EXPECT_EQ(wires[0]->joins, 1u);
  ASSERT_FALSE(notices.all().empty());
  EXPECT_NE(notices.all().front().find("line 0"), std::string::npos);
  publish_records(10);
  EXPECT_EQ(hear_all().records, sent);
}

// Its header is right, and what it says of the compressed bytes too, but these are none.
TEST_F(MulticastPath, BlocksThatCannotBeCutAreToldByLane) {
  start(1);
  std::vector<std::byte> frame = make_frame(0);
  tape::BlockHeader header;
  std::memcpy(&header, frame.data() + kHeadroom, sizeof header);
  header.codec_and_flags |= static_cast<uint8_t>(tape::Codec::kLz4);
  tape::stamp_header(core::MutableBytes(frame).subspan(kHeadroom), header);
  publish(frame);
  sent = kRecordsPerFrame;
  publish_records(1);
  EXPECT_EQ(hear_all().missing, kRecordsPerFrame);
  sender->finish();
  sender_thread.join();
  sender_thread = std::thread([] {});
  EXPECT_EQ(sender->records_lost(), (std::map<core::Lane, uint64_t>{{core::Lane(3), kRecordsPerFrame}}));
}

TEST_F(MulticastPath, ALineIsWatchedAlsoAfterTheEndOfAnotherReplayOnIt) {
  start(1);
  forge(fragments_of(encode(EndOfTape{.publisher = kPublisher + 1, .records_sent = {}})));
  EXPECT_TRUE(hears(kEndPrefix));
  publish_records(10);
  EXPECT_EQ(hear_what_comes(), sent);
  {
    const std::lock_guard lock(wires[0]->mutex);
    wires[0]->is_deaf = true;
  }
  EXPECT_TRUE(hears(kAnnouncementPrefix));
}

}  // namespace
}  // namespace tapedeck::transport
