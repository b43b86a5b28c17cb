// How a program is asked to end: a flag that long loops look at, set by SIGINT and SIGTERM. A second signal ends the
// process at once with exit code 130, for when an orderly end hangs.
#pragma once

#include <atomic>

namespace tapedeck::core {

class StopFlag {
 public:
  // Without a parent, set by request() alone; otherwise also when the parent is, which must outlive this.
  explicit StopFlag(const StopFlag* parent = nullptr) : parent_(parent) {}
  void request() { stop_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool requested() const {
    return stop_.load(std::memory_order_relaxed) || (parent_ != nullptr && parent_->requested());
  }

 private:
  const StopFlag* parent_;
  std::atomic<bool> stop_{false};  // nothing is published through it, so relaxed is enough
};

// The flag of this process's signals; the first call installs the handlers. Call it from main's thread, early.
[[nodiscard]] StopFlag& stop_on_signals();

}  // namespace tapedeck::core
