#include "engine/core/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tapedeck::core {

// Values below 128 have a bucket each. Above, the seven highest bits choose it: the first of them, always set, by its
// position, and the six that follow by their value.
size_t Histogram::bucket_of(uint64_t value) {
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  if (width <= kSubBits) return value;
  const unsigned shift = width - kSubBits - 1;
  return (uint64_t{shift} << kSubBits) + (value >> shift);
}

uint64_t Histogram::highest_value_of(size_t bucket) {
  if (bucket < (size_t{2} << kSubBits)) return bucket;
  const size_t shift = (bucket >> kSubBits) - 1;
  const uint64_t lowest = (bucket - (shift << kSubBits)) << shift;
  return lowest + ((uint64_t{1} << shift) - 1);
}

void Histogram::record(uint64_t value, uint64_t count) {
  if (count == 0) return;
  counts_[bucket_of(value)] += count;
  count_ += count;
  max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::quantile(double quantile) const {
  if (!(quantile < 1)) return max_;
  // One step below the product, because 0.07 * 100 is a little more than 7 in doubles and would ask for the eighth.
  const double below = std::nextafter(quantile * static_cast<double>(count_), 0.0);
  const uint64_t rank = below > 0 ? static_cast<uint64_t>(std::ceil(below)) : 1;
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(highest_value_of(i), max_);
  }
  return max_;
}

}  // namespace tapedeck::core
