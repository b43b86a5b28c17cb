// Has filled blocks sealed and written: by a thread of its own, with a bounded queue before it, or in the calls
// themselves where the queue's bound is 0. All calls are for the tape's thread. After an error nothing is written, and
// what waits is kept: the next call tells the error, the one after that tries again. While nothing waits, and after any
// error, the tape's thread may use the lanes' files itself. Buffers are recycled: there are as many as lanes and the
// queue can hold.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/tape/lane_file.h"

namespace tapedeck::tape {

class BlockWriter {
 public:
  // `on_start`: called first by the thread; none if empty.
  explicit BlockWriter(size_t queue_blocks, std::function<void()> on_start = nullptr);
  ~BlockWriter();  // finishes the block in hand and drops the rest
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  // Takes the block and waits while the queue is full. Where it fails, `block.lane` tells whether the block was taken:
  // it is null then.
  [[nodiscard]] core::Status push(FilledBlock& block);
  // Tells an error that was not told yet, and tries again after one that was.
  [[nodiscard]] core::Status check();
  // Waits until all that was pushed is written.
  [[nodiscard]] core::Status drain();
  // Forgets what is not written yet, and gives the number of its records. For after an error.
  [[nodiscard]] uint64_t drop();

  // The builder of a block that was written; none if there was none since.
  [[nodiscard]] std::optional<BlockBuilder> spare();

 private:
  using Lock = std::unique_lock<std::mutex>;
  void run();
  // Writes the oldest block; the lock is open while it does.
  void write_front(Lock& lock);
  // What has gone wrong, if it was not told; else starts again.
  [[nodiscard]] core::Status resume(Lock& lock);
  [[nodiscard]] core::Status wait_for_room(Lock& lock, size_t queued_max);

  const size_t queue_blocks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by the mutex; the block at the front is the thread's while is_writing_.
  std::deque<FilledBlock> queue_;
  std::vector<BlockBuilder> spares_;
  core::Status status_;
  bool is_told_ = false;
  bool is_writing_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace tapedeck::tape
