// Makes a small uncompressed block out of some records of a larger one, in a buffer of the caller's. For records that
// are due now, or that a selection wants. No side column. Nothing is allocated.
#pragma once

#include "engine/tape/block.h"
#include "engine/tape/digest.h"

namespace tapedeck::replay {

class SliceBuilder {
 public:
  // `out` has room for a header and for all records that will be added. The slice takes identity and flags from
  // `origin`; `first_sequence` is that of its first record.
  SliceBuilder(core::MutableBytes out, const tape::BlockHeader& origin, core::Sequence first_sequence);

  // Appends `count` whole records as they lie in the origin, whose capture times are within the bounds.
  void add(core::Bytes records, uint32_t count, core::Nanos time_min, core::Nanos time_max);
  void add(const tape::RecordView& record) { add(record.bytes(), 1, record.capture_time(), record.capture_time()); }

  [[nodiscard]] size_t records_bytes() const { return used_ - tape::kHeaderSize; }
  [[nodiscard]] bool empty() const { return header_.record_count == 0; }
  // Completes the block; at least one record was added. Gives its size.
  size_t finish();
  [[nodiscard]] const tape::BlockHeader& header() const { return header_; }

 private:
  core::MutableBytes out_;
  size_t used_ = tape::kHeaderSize;
  tape::BlockHeader header_;
};

}  // namespace tapedeck::replay
