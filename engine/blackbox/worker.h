// A worker of a Black Box: pulls frames, opens and verifies their blocks, and calls its handler with each. Runs on a
// thread of its own; its counters may be read from any thread while it runs.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/blackbox/black_box.h"
#include "engine/blackbox/lane_accounts.h"
#include "engine/core/counter.h"
#include "engine/core/histogram.h"
#include "engine/transport/envelope.h"
#include "engine/transport/socket.h"

namespace tapedeck::blackbox {

// What all workers of a box share. `clock_offset_ns` is what to add to our wall clock to get the replay's; `stop` is
// set by a handler that throws, where that ends the run.
struct WorkerContext {
  OnThrow on_throw;
  core::StopFlag& stop;
  LaneAccounts& accounts;
  const TopicTable& topics;
  const core::Clock& clock;
  const std::atomic<int64_t>& clock_offset_ns;
};

// Calls the handler with the block. What it threw, as a sentence; empty if nothing.
[[nodiscard]] std::string call_handler(Handler& handler, const Block& block);

class Worker {
 public:
  Worker(const WorkerContext& context, zmq::socket_t pull, std::unique_ptr<Handler> handler);

  // Handles frames until the socket's context is shut down.
  void run();

  [[nodiscard]] uint64_t frames() const { return frames_.load(std::memory_order_acquire); }
  [[nodiscard]] uint64_t records() const { return records_.get(); }
  [[nodiscard]] uint64_t record_bytes() const { return record_bytes_.get(); }
  [[nodiscard]] uint64_t throws() const { return throws_.get(); }
  [[nodiscard]] uint64_t records_lost() const { return records_lost_.get(); }
  // The frame that it has in hand: since when (monotonic, 0 if none), and what it is.
  struct InHand {
    int64_t since_ns = 0;
    uint16_t lane = 0;
    uint64_t wire_sequence = 0;
  };
  [[nodiscard]] InHand in_hand() const;

  // After frames() says that all frames given to it are done, by whoever read that.
  [[nodiscard]] uint64_t damaged_blocks() const { return damaged_blocks_; }
  [[nodiscard]] const core::Histogram& lateness() const { return lateness_; }
  [[nodiscard]] const std::string& first_throw() const { return first_throw_; }  // a sentence; empty if none

 private:
  void handle_frame(core::Bytes frame);
  void handle_run(const transport::Envelope& envelope, core::Bytes run, RunPiece& piece);
  void call_handler_with(const Block& block);

  WorkerContext context_;
  zmq::socket_t pull_;
  std::unique_ptr<Handler> handler_;
  tape::BlockOpener opener_;
  core::Histogram lateness_;
  uint64_t damaged_blocks_ = 0;
  std::string first_throw_;

  // Written by this worker alone, on a cache line of their own. The release of frames_ publishes everything above.
  alignas(64) std::atomic<uint64_t> frames_{0};
  core::Counter records_;
  core::Counter record_bytes_;
  core::Counter throws_;
  core::Counter records_lost_;
  std::atomic<int64_t> in_hand_since_ns_{0};
  std::atomic<uint16_t> in_hand_lane_{0};
  std::atomic<uint64_t> in_hand_sequence_{0};
};

}  // namespace tapedeck::blackbox
