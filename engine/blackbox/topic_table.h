// Topic names by id, as the replay's dictionary told them. Set once, before the first frame reaches a worker; they are
// read from every thread, at no cost beyond the look-up.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/types.h"

namespace tapedeck::blackbox {

class TopicTable {
 public:
  // The first time; after that nothing changes.
  void set(std::vector<std::string> names) {
    const std::lock_guard lock(mutex_);
    if (is_set()) return;
    names_ = std::move(names);
    is_set_.store(true, std::memory_order_release);  // pairs with the acquire in name()
  }
  [[nodiscard]] bool is_set() const { return is_set_.load(std::memory_order_acquire); }

  // Empty for an id without a name, and before the names are set.
  [[nodiscard]] std::string_view name(core::TopicId topic) const {
    return is_set() && topic.value < names_.size() ? std::string_view(names_[topic.value]) : std::string_view();
  }

 private:
  std::mutex mutex_;  // of set()
  std::vector<std::string> names_;
  std::atomic<bool> is_set_{false};
};

}  // namespace tapedeck::blackbox
