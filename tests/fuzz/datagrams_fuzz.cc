// Datagrams of any origin, as they come over multicast lines: through the assembler of fragments, the sequencer of
// lanes and the gatherer of frames. The first byte of the input tells whether datagrams are put right; then come they,
// each a piece. What is passed on is sound and in order; what is cut again into smaller datagrams is the same.
#include <map>

#include "engine/transport/datagram_reader.h"
#include "engine/transport/frame_gatherer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"

namespace tapedeck::fuzz {
namespace {

constexpr uint64_t kPublisher = 77;
constexpr size_t kSmallDatagram = 300;
constexpr size_t kGatheredBytes = 4096;
constexpr size_t kWaitingBytesMax = 4096;
constexpr int64_t kPatience_ns = 3;

// What a receiver does with datagrams, and what it may expect of what comes out.
class Receiver {
 public:
  void take(Bytes datagram) {
    static_cast<void>(reader_.take(datagram, ++now_ns_));
    sequencer_.expire(now_ns_);
  }
  void finish() { gatherer_.flush(); }

 private:
  void add(const transport::Envelope& envelope, Bytes frame) {
    uint64_t& next = next_[{envelope.publisher, envelope.lane}];
    TD_CHECK(envelope.wire_sequence >= next);
    next = envelope.wire_sequence + envelope.record_count;
    gatherer_.add(envelope, frame);
    tape::BlockView block;
    if (opener_.open(transport::run_of(frame), block) != tape::Damage::kNone) return;  // a forged codec
    if (tape::check_records(block) != tape::Damage::kNone) return;
    // No sender comes as far, and what it cut off would be refused.
    if (next <= transport::kWireSequenceMax) check_cut(frame, block.size());
  }

  static void check_gathered(const zmq::message_t& message) {
    transport::Envelope envelope;
    const Bytes frame{message.data<std::byte>(), message.size()};
    TD_CHECK(transport::read_envelope(frame, envelope) == transport::FrameError::kNone);
  }

  static void check_cut(Bytes frame, uint32_t records) {
    transport::DatagramBatch batch(4, kSmallDatagram);
    uint64_t count = 0;
    const auto flush = [&] {
      for (size_t i = 0; i < batch.count(); ++i) {
        transport::Envelope envelope;
        Bytes whole;
        transport::Fragment fragment;
        const bool is_one = transport::read_datagram(batch.datagram(i), envelope, whole);
        if (is_one) count += envelope.record_count;
        TD_CHECK(is_one || transport::read_fragment(batch.datagram(i), fragment));
      }
      batch.clear();
      return true;
    };
    transport::DatagramCutter cutter(batch, flush);
    TD_CHECK(cutter.cut(frame) && flush());
    TD_CHECK(count <= records && cutter.records() == records && cutter.records_lost().empty());
  }

  transport::LaneSequencer sequencer_{
      kPatience_ns, kWaitingBytesMax,
      [this](const transport::Envelope& envelope, Bytes frame) { add(envelope, frame); }};
  transport::DatagramReader reader_{sequencer_, [](Bytes) {}};
  core::StopFlag stop_;
  core::BufferPool pool_{4, kGatheredBytes};
  transport::FrameGatherer gatherer_{pool_, stop_, check_gathered};
  tape::BlockOpener opener_;
  std::map<std::pair<uint64_t, uint16_t>, uint64_t> next_;
  int64_t now_ns_ = 0;
};

}  // namespace

void run_one(Bytes bytes) {
  Input input(bytes);
  const bool is_repaired = (input.byte() & 1) != 0;
  Receiver receiver;
  while (!input.empty()) {
    ByteVector datagram = copy_of(input.piece());
    if (is_repaired) repair_datagram(datagram, kPublisher);
    receiver.take(datagram);
  }
  receiver.finish();
}

}  // namespace tapedeck::fuzz
