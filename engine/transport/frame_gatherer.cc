#include "engine/transport/frame_gatherer.h"

#include "engine/transport/socket.h"

namespace tapedeck::transport {

bool FrameGatherer::fits(const Open& open, const Envelope& envelope) const {
  const Envelope& before = open.envelope;
  return before.publisher == envelope.publisher && before.tape == envelope.tape && before.pass == envelope.pass &&
         before.wire_sequence + before.record_count == envelope.wire_sequence &&
         kHeadroom + before.run_bytes + envelope.run_bytes <= pool_.buffer_size();
}

void FrameGatherer::add(const Envelope& envelope, core::Bytes frame) {
  if (frame.size() > pool_.buffer_size()) {
    flush();
    return sink_(zmq::message_t(frame.data(), frame.size()));
  }
  Open& open = open_[envelope.lane];
  if (open.buffer && !fits(open, envelope)) close(open);
  if (!open.buffer) begin(open, envelope);
  if (!open.buffer) return;  // stopped
  const core::Bytes run = run_of(frame);
  std::memcpy(open.buffer.bytes().data() + kHeadroom + open.envelope.run_bytes, run.data(), run.size());
  held_bytes_ += run.size();
  open.envelope.run_bytes += static_cast<uint32_t>(run.size());
  open.envelope.record_count += envelope.record_count;
}

// A buffer can only come back while others are not held here for ever.
void FrameGatherer::begin(Open& open, const Envelope& envelope) {
  if (begun_ >= pool_.count() / 2) flush();
  open = {.buffer = core::BufferLease(pool_.acquire(stop_)), .envelope = envelope};
  open.envelope.run_bytes = 0;
  open.envelope.record_count = 0;
  if (open.buffer) ++begun_;
}

void FrameGatherer::close(Open& open) {
  --begun_;
  held_bytes_ -= open.envelope.run_bytes;
  stamp_envelope(open.buffer.bytes(), open.envelope);
  const size_t size = kHeadroom + open.envelope.run_bytes;
  sink_(message_in(std::move(open.buffer), 0, size));
  open.buffer = {};
}

void FrameGatherer::flush() {
  if (begun_ == 0) return;
  for (auto& [lane, open] : open_) {
    if (open.buffer) close(open);
  }
}

}  // namespace tapedeck::transport
