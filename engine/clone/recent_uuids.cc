#include "engine/clone/recent_uuids.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tapedeck::clone {

// Random in one half at least. Those of our clients that follow one another lie side by side: in the cache.
size_t RecentUuids::chain_of(std::string_view uuid) {
  std::array<uint64_t, 2> halves{};
  std::memcpy(halves.data(), uuid.data(), sizeof halves);
  return (halves[0] ^ halves[1]) % kChains;
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
