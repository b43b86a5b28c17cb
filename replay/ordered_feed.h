// Reads a tape in its exact order of arrival, for those who need determinism more than speed: runs are slices of
// consecutive records of one lane, cut wherever another lane has the next record. One thread. Walks the whole tape,
// also where a selection wants little of it, but comes back now and then.
#pragma once

#include <optional>

#include "engine/tape/ordered_merge.h"
#include "replay/lane_feed.h"

namespace tapedeck::replay {

class OrderedFeed {
 public:
  // `one_time`: records that are due at different times are in different runs.
  OrderedFeed(const tape::TapeReader& tape, const Selection& selection, bool one_time,
              const LaneFeed::OnDamage& on_damage);

  // Fills `run.buffer` with the next run.
  [[nodiscard]] Read read(Run& run);

 private:
  static constexpr size_t kSliceBytesMax = 64u << 10;  // unless a single record is larger
  static constexpr size_t kWalkMax = 4096;             // records, before it comes back

  void fetch();
  [[nodiscard]] bool belongs_to(const Run& run, const SliceBuilder& slice) const;

  const Selection& selection_;
  const bool one_time_;
  tape::OrderedMerge merge_;
  std::optional<tape::OrderedMerge::Item> item_;  // the next that is wanted; nothing while it is not found
  core::Nanos due_{};                             // its running maximum of capture times
  bool at_end_ = false;
};

}  // namespace tapedeck::replay
