// Joins data frames that follow each other in their lane to larger ones, so that the queues and workers behind it are
// not asked for each datagram. For one thread.
#pragma once

#include <functional>
#include <map>
#include <zmq.hpp>

#include "engine/core/buffer_pool.h"
#include "engine/core/stop.h"
#include "engine/transport/envelope.h"

namespace tapedeck::transport {

class FrameGatherer {
 public:
  using Sink = std::function<void(zmq::message_t)>;
  // The messages lie in the pool's buffers; it waits for one to come back. Frames become as large as those.
  FrameGatherer(core::BufferPool& pool, const core::StopFlag& stop, Sink sink)
      : pool_(pool), stop_(stop), sink_(std::move(sink)) {}

  void add(const Envelope& envelope, core::Bytes frame);
  // Gives away everything that was begun.
  void flush();
  // Bytes of what was begun.
  [[nodiscard]] size_t held_bytes() const { return held_bytes_; }

 private:
  struct Open {
    core::BufferLease buffer;
    Envelope envelope;  // its counts are those of all
  };
  [[nodiscard]] bool fits(const Open& open, const Envelope& envelope) const;
  void begin(Open& open, const Envelope& envelope);
  void close(Open& open);

  core::BufferPool& pool_;
  const core::StopFlag& stop_;
  Sink sink_;
  std::map<uint16_t, Open> open_;  // by lane; one without a buffer is not begun
  size_t begun_ = 0;
  size_t held_bytes_ = 0;
};

}  // namespace tapedeck::transport
