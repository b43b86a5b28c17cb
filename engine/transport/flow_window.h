// How far a replay over lines that may lose something runs ahead of its subscribers: what is under way is less than
// every one of them can hold, so that nothing is lost for want of room. The session channel says up to which record may
// be sent; the senders of one copy of the replay, one for each shard, count what they have sent together.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>

#include "engine/core/counter.h"

namespace tapedeck::transport {

// Of the records of all shards. Set by the session channel, read by the senders.
class SendLimit {
 public:
  void set(uint64_t records) { records_.store(records, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get() const { return records_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> records_{UINT64_MAX};  // no limit
};

class FlowWindow {
 public:
  explicit FlowWindow(const SendLimit& limit) : limit_(limit) {}

  // The count of a further sender; before any of them sends.
  [[nodiscard]] core::Counter& add_sender() { return sent_.emplace_back().records; }
  // Whether the senders may send what the calling one is about to.
  [[nodiscard]] bool is_open(uint64_t about_to) const {
    uint64_t sent = 0;
    for (const Sender& sender : sent_) sent += sender.records.get();
    return sent + about_to <= limit_.get();
  }

 private:
  struct alignas(64) Sender {
    core::Counter records;
  };
  const SendLimit& limit_;
  std::deque<Sender> sent_;
};

}  // namespace tapedeck::transport
