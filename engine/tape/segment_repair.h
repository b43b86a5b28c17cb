// Makes one segment whole again: header, index and footer. A repair is planned first, which changes nothing, and then
// carried out, if it is needed. Blocks and whatever may be a part of one stay where they are, damaged or not; only a
// torn end may be cut off. Wherever carrying out is interrupted, planning it again leads to the same segment. One
// thread.
#pragma once

#include <optional>
#include <string>

#include "engine/tape/segment_writer.h"

namespace tapedeck::tape {

class SegmentScanner;

class SegmentRepair {
 public:
  // `expected` stands in for a damaged header; its first sequence is that of an empty segment. `cut_torn_end`: a frame
  // of which the end is missing was never written whole, and is cut off; else it is damage, and stays.
  [[nodiscard]] static core::Result<SegmentRepair> plan(const std::filesystem::path& path,
                                                        const SegmentHeader& expected, bool cut_torn_end);

  [[nodiscard]] bool is_needed() const { return !header_holds_ || writes_end_; }
  // What will be done, for people: "cutting off 17 bytes at offset 4160, which were never written whole; ...".
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] core::Status carry_out() const;  // does not sync

  // Of the record that follows those in the segment.
  [[nodiscard]] Sequence next_sequence() const;

 private:
  [[nodiscard]] core::Status plan_end(SegmentScanner& scanner, bool cut_torn_end);

  std::filesystem::path path_;
  SegmentIdentity identity_;
  SegmentContents contents_;
  std::optional<uint64_t> index_offset_;  // of an index that stays; it ends at contents_.size
  uint64_t torn_size_ = 0;                // to be cut off
  bool header_holds_ = true;
  bool writes_end_ = false;
};

}  // namespace tapedeck::tape
