// The side column of a block: for each of its records, which source it came from and its ordinal there. One or two
// bytes a record where sources are not interleaved. Only the ordered merge and the file tools read it
// (docs/tape-format.md, "Side column").
#pragma once

#include <vector>

#include "engine/core/status.h"
#include "engine/tape/format.h"

namespace tapedeck::tape {

struct Arrival {
  SourceId source{};
  Ordinal ordinal{};
};

class OrdinalColumnBuilder {
 public:
  // About 2 ns; allocates only while the column grows beyond any earlier one.
  void add(SourceId source, Ordinal ordinal) {
    if (run_length_ == 0 || source != source_) [[unlikely]] {
      start_run(source, ordinal);
    } else {
      core::append_varint(deltas_, core::zigzag(static_cast<int64_t>(ordinal - last_)));
    }
    last_ = ordinal;
    ++run_length_;
  }
  // Gives the column, padded so that it ends on a multiple of 8 when it follows `payload_size` bytes, and starts a new
  // one. Valid until the next finish().
  [[nodiscard]] Bytes finish(size_t payload_size);

 private:
  void start_run(SourceId source, Ordinal first);
  void close_run();

  std::vector<std::byte> column_;  // what finish() gave
  std::vector<std::byte> runs_;    // finished ones
  std::vector<std::byte> deltas_;  // of the open run
  SourceId source_{};
  Ordinal first_{};
  Ordinal last_{};
  uint64_t run_length_ = 0;
};

// The side column at the end of a block's stored bytes; fails on bytes that have none.
[[nodiscard]] core::Result<Bytes> side_column_of(Bytes stored);
// The arrivals of a block of `record_count` records, in order. Fails on bytes that do not give as many.
[[nodiscard]] core::Result<std::vector<Arrival>> decode_ordinals(Bytes side_column, uint32_t record_count);

inline constexpr size_t kSideTrailerSize = 4;  // the column's size, at its end

}  // namespace tapedeck::tape
