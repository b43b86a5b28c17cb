// The read-ahead thread of a shard: reads the runs of its lanes in the order of tape time into recycled buffers and
// hands them on through a bounded queue, pass by pass. It stops when its queue is closed.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "engine/core/bounded_queue.h"
#include "replay/lane_feeds.h"

namespace tapedeck::replay {

// In which order runs are read.
enum class Order {
  kOfRuns,           // large runs, by the time of their first records
  kOfArrival,        // that of the records, exactly (ordered_feed.h)
  kOfArrivalByTime,  // the same, in runs of records that are due together
};

class ReadAhead {
 public:
  // `passes` 0: for ever. Runs in order of arrival are of all lanes.
  ReadAhead(const tape::TapeReader& tape, LaneShare lanes, const Selection& selection, size_t batch_bytes,
            uint32_t passes, core::File::Mode whole_blocks, Order order, core::BufferPool& pool,
            const core::StopFlag& stop);

  void run();

  // The runs, in order of pass and order_time. Closed at the end.
  [[nodiscard]] core::BoundedQueue<Run>& runs() { return runs_; }
  [[nodiscard]] std::vector<tape::DamageReport> damage() const;

 private:
  static constexpr size_t kRunsAhead = 4;  // in the queue; the pool's buffers are the bound of everything in flight

  [[nodiscard]] bool run_pass(uint32_t pass);
  // Reads runs through `read`, which fills one or says that there is no more.
  enum class Read { kRun, kNothing, kEnd };
  [[nodiscard]] bool push_all(uint32_t pass, const std::function<Read(Run&)>& read);
  void note_damage(const tape::DamageReport& damage);

  const tape::TapeReader& tape_;
  const LaneShare lanes_;
  const Selection& selection_;
  size_t batch_bytes_;
  uint32_t passes_;
  core::File::Mode whole_blocks_;
  Order order_;
  core::BufferPool& pool_;
  const core::StopFlag& stop_;
  core::BoundedQueue<Run> runs_{kRunsAhead};
  mutable std::mutex mutex_;
  std::vector<tape::DamageReport> damage_;  // guarded by mutex_
};

}  // namespace tapedeck::replay
