// Datagrams of any origin, as they come over multicast lines: through the sequencer of lanes and the assembler of
// fragments. The first byte of the input tells whether data frames are put right; then come the datagrams, each a
// piece. What is passed on is sound and in order; what is cut again into smaller datagrams is the same.
#include <map>

#include "engine/transport/fragment_assembler.h"
#include "engine/transport/lane_sequencer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"

namespace tapedeck::fuzz {
namespace {

constexpr uint64_t kPublisher = 77;
constexpr size_t kSmallDatagram = 300;
constexpr size_t kWaitingBytesMax = 4096;
constexpr int64_t kPatience_ns = 3;

// What a receiver does with datagrams, and what it may expect of what comes out.
class Receiver {
 public:
  void take(Bytes datagram) {
    transport::Envelope envelope;
    tape::BlockHeader header;
    transport::Fragment fragment;
    ++now_ns_;
    if (transport::read_datagram(datagram, envelope, header)) {
      sequencer_.take(envelope, datagram.first(transport::kHeadroom + envelope.run_bytes), now_ns_);
    } else if (transport::read_fragment(datagram, fragment)) {
      if (const auto message = assembler_.add(fragment)) take_message(*message);
    }
    sequencer_.expire(now_ns_);
  }

 private:
  void take_message(Bytes message) {
    transport::Envelope envelope;
    tape::BlockHeader header;
    if (transport::read_datagram(message, envelope, header)) sequencer_.take(envelope, message, now_ns_);
  }

  void add(const transport::Envelope& envelope, Bytes frame) {
    uint64_t& next = next_[{envelope.publisher, envelope.lane}];
    TD_CHECK(envelope.wire_sequence >= next);
    next = envelope.wire_sequence + envelope.record_count;
    tape::BlockView block;
    if (opener_.open(transport::run_of(frame), block) != tape::Damage::kNone) return;  // a forged codec
    if (tape::check_records(block) != tape::Damage::kNone) return;
    check_cut(frame, block.size());
  }

  static void check_cut(Bytes frame, uint32_t records) {
    transport::DatagramBatch batch(4, kSmallDatagram);
    uint64_t count = 0;
    const auto flush = [&] {
      for (size_t i = 0; i < batch.count(); ++i) {
        transport::Envelope envelope;
        tape::BlockHeader header;
        transport::Fragment fragment;
        const bool is_one = transport::read_datagram(batch.datagram(i), envelope, header);
        if (is_one) count += envelope.record_count;
        TD_CHECK(is_one || transport::read_fragment(batch.datagram(i), fragment));
      }
      batch.clear();
      return true;
    };
    transport::DatagramCutter cutter(batch, flush);
    TD_CHECK(cutter.cut(frame) && flush());
    TD_CHECK(count <= records && cutter.records() == records && cutter.records_lost() == 0);
  }

  transport::LaneSequencer sequencer_{
      kPatience_ns, kWaitingBytesMax,
      [this](const transport::Envelope& envelope, Bytes frame) { add(envelope, frame); }};
  transport::FragmentAssembler assembler_;
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
    if (is_repaired && datagram.size() > transport::kHeadroom + tape::kHeaderSize)
      repair_data_frame(datagram, kPublisher);
    receiver.take(datagram);
  }
}

}  // namespace tapedeck::fuzz
