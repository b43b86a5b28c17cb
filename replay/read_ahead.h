// Reads ahead for who must not wait for a disk: a thread that reads runs into recycled buffers, ahead of their time,
// and hands them on through a bounded queue. It ends with the tape, when its queue is closed, or when the
// replay is stopped.
#pragma once

#include <functional>
#include <thread>

#include "engine/core/bounded_queue.h"
#include "replay/run_reader.h"

namespace tapedeck::replay {

class ReadAhead {
 public:
  // Starts the thread, which calls `on_start` first. Everything must outlive this.
  ReadAhead(RunReader& reader, core::BufferPool& pool, const core::StopFlag& stop, std::function<void()> on_start);
  // Lets go of what was not popped. Before the end of the tape only once the replay is stopped: the thread may be
  // waiting for buffers that others hold.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The runs, in order of pass and order_time. Closed at the end.
  [[nodiscard]] core::BoundedQueue<Run>& runs() { return runs_; }

 private:
  static constexpr size_t kRunsAhead = 4;  // in the queue; the pool's buffers are the bound of everything in flight

  void run(const std::function<void()>& on_start);

  RunReader& reader_;
  core::BufferPool& pool_;
  const core::StopFlag& stop_;
  core::BoundedQueue<Run> runs_{kRunsAhead};
  std::thread thread_;
};

}  // namespace tapedeck::replay
