// A histogram of non-negative 64-bit values (nanoseconds, mostly) with a relative error of at most 1/64, in the manner
// of HdrHistogram: buckets are linear within each power of two. Fixed size (about 30 KiB), no allocation after
// construction; one writer, or external locking. Histograms of several threads are added together at the end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tapedeck::core {

class Histogram {
 public:
  // Adds `count` observations of `value`. Never fails: every uint64_t has a bucket. A few nanoseconds.
  void record(uint64_t value, uint64_t count = 1);
  void add(const Histogram& other);

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t max() const { return max_; }  // exact; 0 when empty
  // The smallest value v such that at least `quantile` (0 to 1) of all observations are <= v, to within a bucket: the
  // bucket's highest value, and never above max(). 0 when empty.
  [[nodiscard]] uint64_t quantile(double quantile) const;

 private:
  static constexpr unsigned kSubBits = 6;  // 64 buckets within each power of two
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;
  static size_t bucket_of(uint64_t value);
  static uint64_t highest_value_of(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace tapedeck::core
