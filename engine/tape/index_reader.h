// How the index of a segment is got: from its last frame, or, where that is damaged or was never written, by reading
// all the rest. One thread.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/tape/damage_report.h"
#include "engine/tape/segment_index.h"
#include "engine/tape/segment_scanner.h"

namespace tapedeck::tape {

// The index in the segment's last frame; without a value where the segment is not sealed or its index or footer is
// damaged. Does not move the scanner.
[[nodiscard]] core::Result<std::optional<SegmentIndex>> read_index(const SegmentScanner& scanner);

// What all frames of a segment tell, where its own index does not.
struct RebuiltSegment {
  SegmentIndex index;
  uint32_t ledger_frames = 0;
  uint64_t ledger_entries = 0;
  bool has_frames = false;  // sound ones
  // Up to here it cannot be made again, damaged or not. Behind it are a torn frame, or an index and a footer, or what
  // is left of these.
  uint64_t end = kHeaderSize;
  uint64_t torn_size = 0;  // of a torn frame at `end`
  // A sound index that stands at `end`, where only the footer is missing, and where its frame ends; or 0.
  SegmentIndex stored_index;
  uint64_t stored_index_end = 0;
};

// Reads all frames through a scanner that has not moved yet. Damaged parts are appended to `damage`, and so are blocks
// that repeat records; the index leaves them out.
[[nodiscard]] core::Result<RebuiltSegment> rebuild_segment(SegmentScanner& scanner,
                                                           const std::filesystem::path& name_in_tape,
                                                           std::vector<DamageReport>& damage);

// Collects what an index says from the frames of a segment, in their order.
class IndexRebuilder {
 public:
  // A block that is sound and whose records have been checked.
  void add_block(uint64_t offset, uint32_t frame_size, const BlockView& block);
  void add_names(std::vector<TopicName> names);
  // Gives the index. A topic that no dictionary names has no entry.
  [[nodiscard]] SegmentIndex finish();
  // The sequence that the next block must have at least.
  [[nodiscard]] Sequence next_sequence() const { return next_sequence_; }

 private:
  void note_topic(TopicId topic, uint32_t block);

  SegmentIndex index_;
  Sequence next_sequence_{};
  std::map<TopicId, TopicName> names_;
  std::vector<std::vector<uint32_t>> blocks_of_topic_;  // by topic id
};

// What is wrong with a part that the scanner passed over, as it is reported.
[[nodiscard]] DamageReport part_damage(const std::filesystem::path& name_in_tape,
                                       const SegmentScanner::DamagedPart& part);

}  // namespace tapedeck::tape
