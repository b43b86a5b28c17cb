// Reads ahead for who must not wait for a disk: a thread that reads runs into recycled buffers, ahead of their time,
// and hands them on through a bounded queue. It ends with the tape, or when its queue is closed.
#pragma once

#include <thread>

#include "engine/core/bounded_queue.h"
#include "replay/run_reader.h"

namespace tapedeck::replay {

class ReadAhead {
 public:
  // Starts the thread. Everything must outlive this.
  ReadAhead(RunReader& reader, core::BufferPool& pool, const core::StopFlag& stop);
  // Lets go of what was not popped.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The runs, in order of pass and order_time. Closed at the end.
  [[nodiscard]] core::BoundedQueue<Run>& runs() { return runs_; }

 private:
  static constexpr size_t kRunsAhead = 4;  // in the queue; the pool's buffers are the bound of everything in flight

  void run();

  RunReader& reader_;
  core::BufferPool& pool_;
  const core::StopFlag& stop_;
  core::BoundedQueue<Run> runs_{kRunsAhead};
  std::thread thread_;
};

}  // namespace tapedeck::replay
