// What is remembered of each flow (one sender to one UDP destination): which protocol it has shown, its message
// numbers, its clock, its topics. The table is bounded: beyond kFlowsMax flows the packets of new ones are still
// decoded, each as if it were the first of its flow. One thread. Finding the flow of the packet before costs a
// comparison, any other a hash.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "engine/core/flat_map.h"
#include "engine/feed/day_clock.h"
#include "engine/feed/packet.h"
#include "engine/feed/sequence_tracker.h"
#include "engine/feed/topic_book.h"

namespace tapedeck::feed {

class Decoder;

enum class Protocol : uint8_t { kItch50, kIexTp, kRaw };
inline constexpr size_t kProtocolCount = 3;

inline constexpr size_t kFlowsMax = 65'536;

struct Flow {
  FlowKey key;
  Decoder* decoder = nullptr;  // of the protocol that it has shown
  bool foreign = false;        // has carried what nobody recognised
  SequenceTracker tracker;
  DayClock clock;
  // By protocol: where its messages go that have no order key of their own.
  std::array<std::optional<TopicPlace>, kProtocolCount> places;
};

class FlowTable {
 public:
  explicit FlowTable(size_t flows_max = kFlowsMax) : flows_max_(flows_max) {}

  // The flow, made if need be. Stays where it is, unless the table is full: then it is good until the next call.
  [[nodiscard]] Flow& find(const FlowKey& key);
  [[nodiscard]] size_t size() const { return flows_.size(); }
  // Packets of flows that found the table full.
  [[nodiscard]] uint64_t untracked_packets() const { return untracked_packets_; }

 private:
  struct Hash {
    uint64_t operator()(const FlowKey& key) const;
  };

  std::deque<Flow> flows_;
  core::FlatMap<FlowKey, Flow*, Hash> index_;
  Flow* last_ = nullptr;
  Flow untracked_;
  uint64_t untracked_packets_ = 0;
  size_t flows_max_;
};

}  // namespace tapedeck::feed
