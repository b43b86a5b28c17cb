// Reads the blocks of one data lane in order, each verified and opened in place. For whoever looks into records: the
// file tools and paced replay. Damage is delivered where it stands, and the walk goes on behind it. One thread; memory
// for one block.
#pragma once

#include <functional>
#include <vector>

#include "engine/tape/tape_reader.h"

namespace tapedeck::tape {

class LaneCursor {
 public:
  enum class Item { kBlock, kDamage, kEnd };

  // `lane` is an element of tape.lanes(); the tape must outlive the cursor. Blocks for which `wanted` is given and
  // false are not read.
  using Wanted = std::function<bool(const Segment&, size_t block)>;
  LaneCursor(const TapeReader& tape, const LaneContents& lane, Wanted wanted = {});

  [[nodiscard]] Item next();

  [[nodiscard]] const BlockView& block() const { return block_; }  // valid until the next call of next()
  [[nodiscard]] const DamageReport& damage() const { return damage_; }
  // The block that next() gave, as damage, where the caller has found some in it.
  [[nodiscard]] DamageReport as_damage(std::string_view what) const;
  // What the index says of what next() gave, block or damage.
  [[nodiscard]] const BlockRef& block_ref() const { return lane_->segments[segment_].index.blocks[next_block_ - 1]; }
  [[nodiscard]] const LaneContents& lane() const { return *lane_; }

 private:
  Item read_block(const Segment& segment, const BlockRef& ref);
  Item damaged(std::string_view what);

  const TapeReader* tape_;
  const LaneContents* lane_;
  Wanted wanted_;
  size_t segment_ = 0;
  size_t next_block_ = 0;
  core::File file_;  // of segment_, opened with its first block
  std::vector<std::byte> buffer_;
  BlockOpener opener_;
  BlockView block_;
  DamageReport damage_;
};

// Whether the header in a file is that of the block that the index speaks of.
[[nodiscard]] bool matches(const BlockHeader& header, const BlockRef& ref, TapeId tape, Lane lane);
// A damaged block, as it is reported.
[[nodiscard]] DamageReport block_damage(const TapeReader& tape, const Segment& segment, const BlockRef& ref,
                                        std::string_view what);

}  // namespace tapedeck::tape
