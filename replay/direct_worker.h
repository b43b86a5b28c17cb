// A worker that needs no wire: it reads lanes of its own, run by run, into one buffer, and calls its handler with the
// records where they were read, while they are still in the core's cache. For full speed within one process. Runs on a
// thread of its own; its counters may be read from any thread while it runs.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "engine/blackbox/black_box.h"
#include "replay/run_reader.h"

namespace tapedeck::replay {

class DirectWorker {
 public:
  // What all workers of a replay share.
  struct Context {
    RunReader::What what;
    const blackbox::TopicTable& topics;
    core::StopFlag& stop;  // also set by a worker whose handler threw
  };
  DirectWorker(const Context& context, const LaneShare& share, std::unique_ptr<blackbox::Handler> handler);

  void run();

  [[nodiscard]] uint64_t records() const { return records_.load(std::memory_order_relaxed); }

  // After run().
  [[nodiscard]] const std::map<core::Lane, tape::LaneDigest>& read() const { return read_; }  // by the blocks' headers
  [[nodiscard]] const transport::Receipt& receipt() const { return receipt_; }  // of what the handler was given
  [[nodiscard]] uint32_t passes() const { return passes_; }                     // that gave a run
  [[nodiscard]] std::vector<tape::DamageReport> damage() const;
  [[nodiscard]] const std::string& failure() const { return failure_; }  // of the handler; empty if none

 private:
  [[nodiscard]] bool pass_before_was_in_vain(const Run& run);
  void handle_run(const Run& run);
  void handle_block(const Run& run, const tape::BlockHeader& header, core::Bytes frame);

  const Context& context_;
  RunReader reader_;
  std::unique_ptr<blackbox::Handler> handler_;
  core::BufferPool pool_;
  tape::BlockOpener opener_;
  std::map<core::Lane, tape::LaneDigest> read_;
  transport::Receipt receipt_;
  uint32_t passes_ = 0;
  std::vector<tape::DamageReport> damage_;  // of blocks that could not be opened
  uint64_t records_before_pass_ = 0;
  std::string failure_;
  alignas(64) std::atomic<uint64_t> records_{0};
};

}  // namespace tapedeck::replay
