#include "tools/synth/random.h"

namespace tapedeck::synth {

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {  // splitmix64
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t Random::exponential(uint64_t mean) {
  // -mean * ln(u) for u = bits / 2^64 = 2^-zeros * (1 + f) / 2, in fixed point with 20 bits of fraction;
  // log2(1 + f) is taken as f + 0.344 f (1 - f).
  const uint64_t bits = next() | 1;
  const auto zeros = static_cast<unsigned>(std::countl_zero(bits));
  const uint64_t f = (bits << zeros << 1) >> 44;
  const uint64_t log2_of_1_plus_f = f + ((f * ((1u << 20) - f) >> 20) * 352 >> 10);
  const uint64_t minus_log2_u = (uint64_t{zeros + 1} << 20) - log2_of_1_plus_f;
  const uint64_t minus_ln_u = (minus_log2_u * 45426) >> 16;  // times ln 2
  return (mean * minus_ln_u) >> 20;
}

}  // namespace tapedeck::synth
