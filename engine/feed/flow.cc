#include "engine/feed/flow.h"

namespace tapedeck::feed {

uint64_t FlowTable::Hash::operator()(const FlowKey& key) const {
  const uint64_t ports = (uint64_t{key.source_port} << 16) | key.destination_port | (uint64_t{key.ip_version} << 32);
  uint64_t hash = core::mix(ports);
  for (const uint64_t word : key.source) hash = core::mix(hash ^ word);
  for (const uint64_t word : key.destination) hash = core::mix(hash ^ word);
  return hash;
}

Flow& FlowTable::find(const FlowKey& key) {
  if (last_ != nullptr && last_->key == key) return *last_;
  if (Flow* const* known = index_.find(key)) {
    last_ = *known;
    return *last_;
  }
  if (flows_.size() >= flows_max_) {
    ++untracked_packets_;
    untracked_ = Flow{};
    untracked_.key = key;
    return untracked_;
  }
  last_ = &flows_.emplace_back();
  last_->key = key;
  index_.insert(key, last_);
  return *last_;
}

}  // namespace tapedeck::feed
