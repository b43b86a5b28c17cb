#include "engine/clone/recent_uuids.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tapedeck::clone {

// They are random, but maybe only in one half.
size_t RecentUuids::chain_of(std::string_view uuid) {
  std::array<uint64_t, 2> halves{};
  std::memcpy(halves.data(), uuid.data(), sizeof halves);
  return static_cast<size_t>((halves[0] ^ halves[1]) * 0x9e3779b97f4a7c15 >> (64 - kChainBits));
}

void RecentUuids::add(std::string_view uuid, uint64_t sequence) {
  if (uuid.size() != kUuidBytes) return;
  uint64_t& newest = newest_[chain_of(uuid)];
  Update& update = ring_[sequence % kRemembered];
  std::ranges::copy(uuid, update.uuid.begin());
  update.before = std::exchange(newest, sequence);
}

std::optional<uint64_t> RecentUuids::find(std::string_view uuid, uint64_t last) const {
  if (uuid.size() != kUuidBytes) return std::nullopt;
  uint64_t sequence = newest_[chain_of(uuid)];
  while (sequence != 0 && last - sequence < kRemembered) {
    const Update& update = ring_[sequence % kRemembered];
    if (std::string_view(update.uuid.data(), kUuidBytes) == uuid) return sequence;
    sequence = update.before;
  }
  return std::nullopt;
}

}  // namespace tapedeck::clone
