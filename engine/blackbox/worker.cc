#include "engine/blackbox/worker.h"

#include <exception>

namespace tapedeck::blackbox {

using tape::Damage;

std::string call_handler(Handler& handler, const Block& block) {
  try {
    handler.on_block(block);
    return {};
  } catch (const std::exception& error) {
    return fmt::format("the handler threw at record {} of lane {}: {}", block.wire_sequence, block.lane, error.what());
  } catch (...) {
    return fmt::format("the handler threw at record {} of lane {}", block.wire_sequence, block.lane);
  }
}

Worker::Worker(const WorkerContext& context, zmq::socket_t pull, std::unique_ptr<Handler> handler)
    : context_(context), pull_(std::move(pull)), handler_(std::move(handler)) {}

void Worker::run() {
  zmq::message_t frame;
  try {
    for (;;) {
      if (!transport::receive(pull_, frame)) continue;
      handle_frame(transport::bytes_of(frame));
      frame.rebuild();  // gives the memory back before the next wait
      in_hand_since_ns_.store(0, std::memory_order_relaxed);
      frames_.fetch_add(1, std::memory_order_release);
    }
  } catch (const zmq::error_t&) {
    // ETERM: the context was shut down, which is how a worker ends.
  }
  pull_.close();
}

Worker::InHand Worker::in_hand() const {
  return {.since_ns = in_hand_since_ns_.load(std::memory_order_relaxed),
          .lane = in_hand_lane_.load(std::memory_order_relaxed),
          .wire_sequence = in_hand_sequence_.load(std::memory_order_relaxed)};
}

void Worker::handle_frame(core::Bytes frame) {
  transport::Envelope envelope;
  TD_CHECK(transport::read_envelope(frame, envelope) == transport::FrameError::kNone);  // the SUB thread has checked
  in_hand_lane_.store(envelope.lane, std::memory_order_relaxed);
  in_hand_sequence_.store(envelope.wire_sequence, std::memory_order_relaxed);
  in_hand_since_ns_.store(context_.clock.monotonic_ns(), std::memory_order_relaxed);
  RunPiece piece;
  handle_run(envelope, transport::run_of(frame), piece);
  record_bytes_.add(piece.record_bytes);
  records_lost_.add(envelope.record_count - piece.digest.records);
  records_.add(piece.digest.records);
  context_.accounts.add(core::Lane(envelope.lane), envelope.wire_sequence, envelope.record_count, piece);
  // Unsigned, for the envelope may name any time.
  const uint64_t now_ns = context_.clock.now().value + static_cast<uint64_t>(context_.clock_offset_ns.load());
  const uint64_t late_ns = now_ns > envelope.scheduled_ns ? now_ns - envelope.scheduled_ns : 0;
  lateness_.record(late_ns, piece.digest.records);
}

void Worker::handle_run(const transport::Envelope& envelope, core::Bytes run, RunPiece& piece) {
  uint64_t walked = 0;  // records, sound or not
  while (!run.empty()) {
    tape::BlockHeader header;
    const bool framed = tape::read_header(run, header) == Damage::kNone && header.magic == tape::kBlockMagic &&
                        tape::frame_size(header) <= run.size() && header.record_count <= envelope.record_count - walked;
    if (!framed) {
      ++damaged_blocks_;  // and nothing behind it can be found
      return;
    }
    walked += header.record_count;
    const core::Bytes frame = run.first(tape::frame_size(header));
    run = run.subspan(frame.size());
    tape::BlockView view;
    if (opener_.open(frame, view) != Damage::kNone) {
      ++damaged_blocks_;
      continue;
    }
    call_handler_with({.lane = core::Lane(envelope.lane),
                       .pass = envelope.pass,
                       .wire_sequence = envelope.wire_sequence + walked - header.record_count,
                       .records = view,
                       .topics = context_.topics});
    // The opener computed this checksum from the bytes that the handler was given.
    piece.digest.add(header.record_count, header.raw_crc, header.raw_size);
    piece.record_bytes += header.raw_size;
  }
}

// After a throw that ends the run the handler is left alone; its worker still empties its queue.
void Worker::call_handler_with(const Block& block) {
  const bool stopped = context_.on_throw == OnThrow::kStop && !first_throw_.empty();
  if (stopped) return;
  std::string thrown = call_handler(*handler_, block);
  if (thrown.empty()) return;
  throws_.add(1);
  if (first_throw_.empty()) first_throw_ = std::move(thrown);
  if (context_.on_throw == OnThrow::kStop) context_.stop.request();
}

}  // namespace tapedeck::blackbox
