#include "engine/tape/lane_cursor.h"

namespace tapedeck::tape {

bool matches(const BlockHeader& header, const BlockRef& ref, TapeId tape, Lane lane) {
  return header.magic == kBlockMagic && header.tape_id == tape.value && header.lane == lane.value &&
         header.first_sequence == ref.first_sequence.value && header.record_count == ref.record_count &&
         header.time_min_ns == ref.time_min.value && header.time_max_ns == ref.time_max.value &&
         frame_size(header) == ref.frame_size;
}

DamageReport block_damage(const TapeReader& tape, const Segment& segment, const BlockRef& ref, std::string_view what) {
  return {.file = segment.path.lexically_relative(tape.path()),
          .offset = ref.offset,
          .size = ref.frame_size,
          .records_lost = ref.record_count,
          .what = std::string(what)};
}

LaneCursor::LaneCursor(const TapeReader& tape, const LaneContents& lane, Wanted wanted)
    : tape_(&tape), lane_(&lane), wanted_(std::move(wanted)) {}

LaneCursor::Item LaneCursor::next() {
  while (segment_ < lane_->segments.size()) {
    const Segment& segment = lane_->segments[segment_];
    if (next_block_ == segment.index.blocks.size()) {
      ++segment_;
      next_block_ = 0;
      file_ = core::File();
      continue;
    }
    const size_t block = next_block_++;
    if (!wanted_ || wanted_(segment, block)) return read_block(segment, segment.index.blocks[block]);
  }
  return Item::kEnd;
}

LaneCursor::Item LaneCursor::read_block(const Segment& segment, const BlockRef& ref) {
  if (!file_.is_open()) {
    auto file = core::File::open(segment.path, core::File::Mode::kRead);
    if (!file) return damaged(file.error().message);
    file_ = std::move(*file);
  }
  if (buffer_.size() < ref.frame_size) buffer_.resize(ref.frame_size);
  const MutableBytes frame = MutableBytes(buffer_).first(ref.frame_size);
  if (const core::Status read = file_.read_at(ref.offset, frame); !read) return damaged(read.error().message);
  if (const Damage damage = opener_.open(frame, block_); damage != Damage::kNone) return damaged(damage_name(damage));
  if (!matches(block_.header, ref, tape_->id(), lane_->summary.lane))
    return damaged("another block than the index says");
  return Item::kBlock;
}

LaneCursor::Item LaneCursor::damaged(std::string_view what) {
  damage_ = as_damage(what);
  return Item::kDamage;
}

DamageReport LaneCursor::as_damage(std::string_view what) const {
  return block_damage(*tape_, lane_->segments[segment_], block_ref(), what);
}

}  // namespace tapedeck::tape
