// A count that one thread writes and any thread may read while it grows. Costs the writer no more than a plain integer
// would. Owners keep the counters of one thread together, on cache lines of their own.
#pragma once

#include <atomic>
#include <cstdint>

namespace tapedeck::core {

class Counter {
 public:
  // By its one writer.
  void add(uint64_t more) { count_.store(get() + more, std::memory_order_relaxed); }
  // By anyone. Publishes nothing but itself.
  [[nodiscard]] uint64_t get() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> count_{0};
};

}  // namespace tapedeck::core
