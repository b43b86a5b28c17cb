// Random numbers that are the same on every machine and with every compiler: xoshiro256** seeded by splitmix64
// (Blackman and Vigna, https://prng.di.unimi.it), and draws from it in integers only, since what std distributions and
// libm give differs from one library to the next. One thread each; no allocation; one to three nanoseconds a draw.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace tapedeck::synth {

class Random {
 public:
  // Every seed is good, 0 too, and two seeds have nothing in common.
  explicit Random(uint64_t seed);

  uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // 0 to bound - 1; 0 for a bound of 0. Even to within bound / 2^32.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(((next() >> 32) * bound) >> 32); }
  bool coin() { return (next() >> 63) != 0; }

  // Exponentially distributed with this mean, at most 2^36, to within 1 %: gaps between independent events.
  uint64_t exponential(uint64_t mean);

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace tapedeck::synth
