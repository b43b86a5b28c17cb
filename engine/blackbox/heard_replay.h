// What the SUB threads of a box have heard of the replay together: who publishes it, and which of its shards have
// announced themselves. Any thread may use it; what is asked for each frame is lock-free.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include "engine/transport/in_band.h"

namespace tapedeck::blackbox {

class HeardReplay {
 public:
  // Whether this box listens to `publisher`: the first that any of its threads hears. 0 is nobody.
  [[nodiscard]] bool is_ours(uint64_t publisher) {
    if (publisher == 0) return false;
    uint64_t nobody = 0;
    return publisher_.load(std::memory_order_relaxed) == publisher ||
           publisher_.compare_exchange_strong(nobody, publisher) || nobody == publisher;
  }
  [[nodiscard]] uint64_t publisher() const { return publisher_.load(std::memory_order_relaxed); }  // 0: nobody yet

  void note(transport::Announcement announcement) {
    const std::lock_guard lock(mutex_);
    const uint32_t shard = announcement.shard;
    announcements_[shard] = std::move(announcement);
  }
  [[nodiscard]] std::optional<transport::Announcement> announcement() const {
    const std::lock_guard lock(mutex_);
    return announcements_.empty() ? std::nullopt : std::optional(announcements_.begin()->second);
  }
  [[nodiscard]] size_t shards() const {
    const std::lock_guard lock(mutex_);
    return announcements_.size();
  }

 private:
  std::atomic<uint64_t> publisher_{0};  // 0: nobody has been heard
  mutable std::mutex mutex_;
  std::map<uint32_t, transport::Announcement> announcements_;  // by shard; guarded by mutex_
};

}  // namespace tapedeck::blackbox
