// Draws ranks by Zipf's law: rank k (from 0) has a weight of 1 / (k + 1)^exponent. A table made once (Walker's alias
// method, 8 bytes a rank) makes each draw one random number and one look-up, whatever the number of ranks. The table
// comes out the same on every machine: it is made with +, -, *, / and square roots only, which IEEE 754 rounds exactly.
// Const after construction, so threads may share it, each with its own Random.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/synth/random.h"

namespace tapedeck::synth {

class Zipf {
 public:
  static constexpr double kExponentMax = 8;

  // At least one rank; exponent from 0 (all the same) to kExponentMax.
  Zipf(uint32_t ranks, double exponent);

  [[nodiscard]] uint32_t draw(Random& random) const {
    const uint64_t bits = random.next();
    const auto rank = static_cast<uint32_t>(((bits >> 32) * slots_.size()) >> 32);
    return static_cast<uint32_t>(bits) < slots_[rank].own_below ? rank : slots_[rank].other;
  }

 private:
  struct Slot {
    uint32_t own_below;  // of 2^32: the share of the slot that is its own rank's
    uint32_t other;      // whose the rest is
  };
  std::vector<Slot> slots_;
};

}  // namespace tapedeck::synth
