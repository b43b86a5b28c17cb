// A worker of a Black Box: pulls frames, opens and verifies their blocks, and calls its handler with each. Runs on a
// thread of its own; its counters may be read from any thread while it runs.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/blackbox/black_box.h"
#include "engine/blackbox/lane_accounts.h"
#include "engine/core/histogram.h"
#include "engine/transport/envelope.h"
#include "engine/transport/socket.h"

namespace tapedeck::blackbox {

// What all workers of a box share. `clock_offset_ns` is what to add to our wall clock to get the replay's.
struct WorkerContext {
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
  [[nodiscard]] uint64_t records() const { return records_.load(std::memory_order_relaxed); }

  // After frames() says that all frames given to it are done, by whoever read that.
  [[nodiscard]] uint64_t record_bytes() const { return record_bytes_; }
  [[nodiscard]] uint64_t records_lost() const { return records_lost_; }
  [[nodiscard]] uint64_t damaged_blocks() const { return damaged_blocks_; }
  [[nodiscard]] const core::Histogram& lateness() const { return lateness_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }  // of the handler; empty if none

 private:
  void handle_frame(core::Bytes frame);
  void handle_run(const transport::Envelope& envelope, core::Bytes run, RunPiece& piece);

  WorkerContext context_;
  zmq::socket_t pull_;
  std::unique_ptr<Handler> handler_;
  tape::BlockOpener opener_;
  core::Histogram lateness_;
  uint64_t record_bytes_ = 0;
  uint64_t records_lost_ = 0;
  uint64_t damaged_blocks_ = 0;
  std::string failure_;

  // Written by this worker alone, on a cache line of their own. The release of frames_ publishes everything above.
  alignas(64) std::atomic<uint64_t> frames_{0};
  std::atomic<uint64_t> records_{0};
};

}  // namespace tapedeck::blackbox
