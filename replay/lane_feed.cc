#include "replay/lane_feed.h"

#include <algorithm>

namespace tapedeck::replay {

using tape::Damage;
using transport::kHeadroom;

LaneFeed::LaneFeed(const tape::TapeReader& tape, const tape::LaneContents& lane, const Selection& selection,
                   size_t batch_bytes, core::File::Mode whole_blocks, OnDamage on_damage)
    : tape_(tape),
      lane_(lane),
      selection_(selection),
      batch_bytes_(batch_bytes),
      on_damage_(std::move(on_damage)),
      whole_blocks_mode_(whole_blocks) {}

bool LaneFeed::at_end() {
  while (segment_ < lane_.segments.size()) {
    const tape::Segment& segment = lane_.segments[segment_];
    if (wanted_.empty()) wanted_ = selection_.of_segment(segment);
    for (; block_ < wanted_.size(); ++block_) {
      if (wanted_[block_] == Wanted::kNone) continue;
      order_time_ = std::max(order_time_, std::max(segment.index.blocks[block_].time_min, selection_.start()));
      return false;
    }
    ++segment_;
    block_ = 0;
    verified_to_ = tape::kHeaderSize;
    wanted_.clear();
    whole_blocks_ = core::File();
    parts_ = core::File();
  }
  return true;
}

bool LaneFeed::read(Run& run) {
  run.lane = lane_.summary.lane;
  run.order_time = order_time_;
  run.size = 0;
  run.piece = {};
  if (selection_.is_whole_tape()) verify_frames_before(lane_.segments[segment_].index.blocks[block_]);
  return wanted_[block_] == Wanted::kWhole ? read_whole_blocks(run) : read_part(run);
}

// Dictionary frames stand between blocks. Nobody needs them, for the index has all names; but a replay of a whole tape
// promises that the whole tape is sound.
void LaneFeed::verify_frames_before(const tape::BlockRef& block) {
  if (block.offset <= verified_to_) return;
  const tape::BlockRef between{.offset = verified_to_,
                               .frame_size = static_cast<uint32_t>(block.offset - verified_to_)};
  verified_to_ = block.offset;
  part_.resize(std::max<size_t>(part_.size(), between.frame_size));
  core::MutableBytes bytes = core::MutableBytes(part_).first(between.frame_size);
  if (!read_bytes(between, bytes)) return;
  while (!bytes.empty()) {
    tape::BlockHeader header;
    const Damage damage = tape::verify_frame(bytes, header);
    if (damage != Damage::kNone) {
      report(between, damage_name(damage));
      return;
    }
    bytes = bytes.subspan(tape::frame_size(header));
  }
}

size_t LaneFeed::blocks_in_next_run() const {
  const auto& blocks = lane_.segments[segment_].index.blocks;
  size_t count = 1;
  uint64_t bytes = blocks[block_].frame_size;
  for (size_t i = block_ + 1; i < blocks.size() && wanted_[i] == Wanted::kWhole; ++i, ++count) {
    const bool adjacent = blocks[i].offset == blocks[i - 1].offset + blocks[i - 1].frame_size;
    if (!adjacent || bytes + blocks[i].frame_size > batch_bytes_) break;
    bytes += blocks[i].frame_size;
  }
  return count;
}

core::Status LaneFeed::open_segment(core::File& file, core::File::Mode mode) const {
  if (file.is_open()) return {};
  TD_ASSIGN(file, core::File::open(lane_.segments[segment_].path, mode));
  return {};
}

bool LaneFeed::read_bytes(const tape::BlockRef& block, core::MutableBytes out) {
  const core::Status status =
      open_segment(parts_, core::File::Mode::kRead).and_then([&] { return parts_.read_at(block.offset, out); });
  if (!status) report(block, status.error().message);
  return status.has_value();
}

// The next `count` blocks, to where they begin in a page of the buffer as they do in the file.
core::Status LaneFeed::read_blocks(Run& run, size_t count) {
  const auto& blocks = lane_.segments[segment_].index.blocks;
  const uint64_t offset = blocks[block_].offset;
  const tape::BlockRef& last = blocks[block_ + count - 1];
  run.begin = core::kPageSize + offset % core::kPageSize;
  TD_TRY(open_segment(whole_blocks_, whole_blocks_mode_));
  return whole_blocks_.read_pages(offset, last.offset + last.frame_size - offset,
                                  run.buffer.bytes().subspan(core::kPageSize));
}

bool LaneFeed::read_whole_blocks(Run& run) {
  const auto& blocks = lane_.segments[segment_].index.blocks;
  size_t count = blocks_in_next_run();
  core::Status read = read_blocks(run, count);
  // One place that cannot be read costs no other block: those before it are read one by one.
  if (!read && count > 1) read = read_blocks(run, count = 1);
  if (!read) {
    report(blocks[block_], read.error().message);
    verified_to_ = blocks[block_].offset + blocks[block_].frame_size;
    ++block_;
    return false;
  }
  const core::Bytes bytes = run.buffer.bytes().subspan(run.begin);
  for (size_t i = 0; i < count; ++i) {
    const tape::BlockRef& ref = blocks[block_];
    verified_to_ = ref.offset + ref.frame_size;
    tape::BlockHeader header;
    const Damage damage = tape::verify_frame(bytes.subspan(run.size, ref.frame_size), header);
    const bool sound = damage == Damage::kNone && tape::matches(header, ref, tape_.id(), run.lane);
    if (!sound) {
      // What stands before it is a run by itself; what is behind it is read again as the next one.
      report(ref, damage == Damage::kNone ? "another block than the index says" : damage_name(damage));
      ++block_;
      break;
    }
    run.piece.append(header.record_count, header.raw_crc, header.raw_size);
    run.size += ref.frame_size;
    order_time_ = std::max(order_time_, ref.time_max);
    ++block_;
  }
  return run.size > 0;
}

bool LaneFeed::read_part(Run& run) {
  const tape::BlockRef& ref = lane_.segments[segment_].index.blocks[block_];
  if (part_.size() < ref.frame_size) part_.resize(ref.frame_size);
  const core::MutableBytes frame = core::MutableBytes(part_).first(ref.frame_size);
  const bool was_read = read_bytes(ref, frame);
  ++block_;
  if (!was_read) return false;
  tape::BlockView block;
  Damage damage = opener_.open(frame, block);
  if (damage == Damage::kNone) damage = check_records(block);
  run.begin = kHeadroom;
  const core::MutableBytes out = run.buffer.bytes().subspan(run.begin);
  const bool fits = damage == Damage::kNone && tape::kHeaderSize + block.header.raw_size <= out.size();
  if (!fits || !tape::matches(block.header, ref, tape_.id(), run.lane)) {
    report(ref, damage == Damage::kNone ? "another block than the index says" : damage_name(damage));
    return false;
  }
  SliceBuilder slice(out, block.header, ref.first_sequence);
  for (const tape::RecordView record : block) {
    if (selection_.wants(record)) slice.add(record);
  }
  order_time_ = std::max(order_time_, std::min(ref.time_max, selection_.end()));
  if (slice.empty()) return false;
  run.size = slice.finish();
  run.piece.append(slice.header().record_count, slice.header().raw_crc, slice.header().raw_size);
  return true;
}

void LaneFeed::report(const tape::BlockRef& block, std::string_view what) {
  on_damage_(tape::block_damage(tape_, lane_.segments[segment_], block, what));
}

uint64_t mean_record_bytes(const tape::LaneSummary& totals) {
  return totals.payload_bytes / std::max<uint64_t>(totals.records, 1) + tape::kRecordHeadSize;
}

size_t run_bytes_max(const tape::TapeReader& tape, bool in_parts, size_t batch_bytes) {
  size_t bytes = std::max<size_t>(batch_bytes, tape.frame_size_max());
  if (!in_parts) return bytes;
  // A part of a block is sent uncompressed, so it may be larger than the block on disk.
  for (const tape::LaneContents& lane : tape.lanes()) {
    for (const tape::Segment& segment : lane.segments) {
      for (const tape::BlockRef& block : segment.index.blocks) {
        const uint64_t records_bytes = block.payload_bytes + uint64_t{block.record_count} * tape::record_size(7, true);
        bytes = std::max<size_t>(bytes, tape::kHeaderSize + std::min<uint64_t>(records_bytes, tape::kBlockBytesMax));
      }
    }
  }
  return bytes;
}

}  // namespace tapedeck::replay
