#include "engine/clone/recent_uuids.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace tapedeck::clone {

size_t RecentUuids::chain_of(std::string_view uuid) {
  using Halves = std::array<uint64_t, 2>;
  static const auto key = std::bit_cast<Halves>(new_uuid());
  Halves halves{};
  std::memcpy(halves.data(), uuid.data(), sizeof halves);
  __extension__ using Product = unsigned __int128;
  const Product product = Product{halves[0] ^ key[0]} * (halves[1] ^ key[1]);
  return (static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product)) % kChains;
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
