// Reads what a selection wants of one lane, run by run, into buffers that it is given: whole blocks as they lie on the
// disk, parts of blocks as slices. Everything is verified as it is read; damage is reported and left out. One thread.
#pragma once

#include <functional>
#include <vector>

#include "engine/tape/lane_cursor.h"
#include "replay/run.h"
#include "replay/selection.h"
#include "replay/slice.h"

namespace tapedeck::replay {

class LaneFeed {
 public:
  using OnDamage = std::function<void(const tape::DamageReport&)>;
  // Runs have at most `batch_bytes`, unless a single block is larger. `whole_blocks` says how those are read; parts are
  // few, and read through the page cache.
  LaneFeed(const tape::TapeReader& tape, const tape::LaneContents& lane, const Selection& selection, size_t batch_bytes,
           core::File::Mode whole_blocks, OnDamage on_damage);

  // Whether nothing is left; otherwise order_time() is that of the next run.
  [[nodiscard]] bool at_end();
  [[nodiscard]] core::Nanos order_time() const { return order_time_; }

  // Fills `run.buffer` with the next run. False if there was nothing sound or wanted in what was read: go on.
  [[nodiscard]] bool read(Run& run);

 private:
  [[nodiscard]] bool read_whole_blocks(Run& run);
  [[nodiscard]] bool read_part(Run& run);
  [[nodiscard]] bool read_bytes(const tape::BlockRef& block, core::MutableBytes out);
  [[nodiscard]] core::Status read_blocks(Run& run, size_t count);
  [[nodiscard]] core::Status open_segment(core::File& file, core::File::Mode mode) const;
  void verify_frames_before(const tape::BlockRef& block);
  [[nodiscard]] size_t blocks_in_next_run() const;
  void report(const tape::BlockRef& block, std::string_view what);

  const tape::TapeReader& tape_;
  const tape::LaneContents& lane_;
  const Selection& selection_;
  size_t batch_bytes_;
  OnDamage on_damage_;
  size_t segment_ = 0;
  size_t block_ = 0;
  uint64_t verified_to_ = tape::kHeaderSize;  // offset in the segment
  std::vector<Wanted> wanted_;                // of the blocks of segment_; empty until it is entered
  core::File::Mode whole_blocks_mode_;
  core::File whole_blocks_;  // segment_, each opened with its first use
  core::File parts_;
  core::Nanos order_time_{};
  tape::BlockOpener opener_;
  std::vector<std::byte> part_;  // a block of which a part is wanted
};

// Of a record as it is handed on, not compressed: payload and head.
[[nodiscard]] uint64_t mean_record_bytes(const tape::LaneSummary& totals);

// How large the runs of a replay become at most: buffers need so much behind the envelope. `in_parts`: blocks may be
// cut.
[[nodiscard]] size_t run_bytes_max(const tape::TapeReader& tape, bool in_parts, size_t batch_bytes);

}  // namespace tapedeck::replay
