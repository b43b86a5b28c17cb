// Keeps the shards of a full-speed replay together: how far each is, in tape time over all passes, and whether one may
// go on or must wait for the slowest. Lock-free; a shard writes its own place only, once a run.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace tapedeck::replay {

// How far it is to a place within a pass, in tape time over all passes; what would be more than 64 bits is the most.
[[nodiscard]] inline uint64_t position_in_passes(uint32_t pass, uint64_t pass_ns, uint64_t since_start_ns) {
  uint64_t position = 0;
  const bool overflows = __builtin_mul_overflow(uint64_t{pass}, pass_ns, &position) ||
                         __builtin_add_overflow(position, since_start_ns, &position);
  return overflows ? UINT64_MAX : position;
}

class SkewLimit {
 public:
  SkewLimit(size_t shards, uint64_t limit_ns) : limit_ns_(limit_ns), places_(shards) {}

  // Whether the shard may send a run that begins at `position`: where none is further behind than the limit, and always
  // up to two runs beyond the slowest. If so, that is where it is now.
  [[nodiscard]] bool advance(size_t shard, uint64_t position) {
    Place& place = places_[shard];
    const uint64_t slowest = slowest_but(shard);
    if (position > limit_ns_ && position - limit_ns_ > slowest && place.before_last > slowest) return false;
    place.before_last = place.position.load(std::memory_order_relaxed);
    place.position.store(position, std::memory_order_relaxed);
    return true;
  }
  // It has sent all that it had: nobody waits for it any more.
  void finish(size_t shard) { places_[shard].position.store(UINT64_MAX, std::memory_order_relaxed); }

 private:
  struct alignas(64) Place {
    std::atomic<uint64_t> position{0};
    uint64_t before_last = 0;  // position of the run before the last that was sent; of the shard's own thread
  };

  [[nodiscard]] uint64_t slowest_but(size_t shard) const {
    uint64_t slowest = UINT64_MAX;
    for (size_t i = 0; i < places_.size(); ++i) {
      if (i != shard) slowest = std::min(slowest, places_[i].position.load(std::memory_order_relaxed));
    }
    return slowest;
  }

  const uint64_t limit_ns_;
  std::vector<Place> places_;
};

}  // namespace tapedeck::replay
