#include "replay/read_ahead.h"

namespace tapedeck::replay {

ReadAhead::ReadAhead(RunReader& reader, core::BufferPool& pool, const core::StopFlag& stop,
                     std::function<void()> on_start)
    : reader_(reader), pool_(pool), stop_(stop), thread_([this, begin = std::move(on_start)] { run(begin); }) {}

ReadAhead::~ReadAhead() {
  runs_.close();
  while (runs_.pop(std::chrono::nanoseconds::zero())) {  // the thread may be waiting for their buffers
  }
  thread_.join();
}

void ReadAhead::run(const std::function<void()>& on_start) {
  on_start();
  while (!stop_.requested()) {
    Run run;
    run.buffer = core::BufferLease(pool_.acquire(stop_));
    if (!run.buffer) break;
    const Read read = reader_.read(run);
    if (read == Read::kEnd) break;
    if (read == Read::kRun && !runs_.push(std::move(run))) break;
  }
  runs_.close();
}

}  // namespace tapedeck::replay
