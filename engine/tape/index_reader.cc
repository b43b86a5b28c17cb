#include "engine/tape/index_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tapedeck::tape {
namespace {

// Whether all blocks of an index are where blocks can be.
bool fits_before(uint64_t index_offset, const SegmentIndex& index) {
  return std::ranges::all_of(index.blocks, [index_offset](const BlockRef& block) {
    return block.offset <= index_offset && block.frame_size <= index_offset - block.offset &&
           block.frame_size >= kHeaderSize && block.frame_size <= kHeaderSize + kBlockBytesMax;
  });
}

// The body's claims against the footer and the file.
bool is_sound(const SegmentIndex& index, const SegmentFooter& footer) {
  if (footer.lane_kind == static_cast<uint8_t>(LaneKind::kLedger)) return index.blocks.empty();
  uint64_t records = 0;
  for (const BlockRef& block : index.blocks) records += block.record_count;
  return fits_before(footer.index_offset, index) && index.blocks.size() == footer.block_count &&
         records == footer.record_count;
}

core::Result<std::optional<SegmentFooter>> read_footer(const SegmentScanner& scanner) {
  SegmentFooter footer;
  if (scanner.file_size() < 3 * kHeaderSize) return std::nullopt;
  std::array<std::byte, kHeaderSize> bytes;
  TD_TRY(scanner.file().read_at(scanner.file_size() - kHeaderSize, bytes));
  const SegmentHeader& header = scanner.header();
  if (!decode_footer(bytes, footer) || footer.tape_id != header.tape_id || footer.lane != header.lane ||
      footer.lane_kind != header.lane_kind || footer.segment != header.segment) {
    return std::nullopt;
  }
  return footer;
}

// What the walk of rebuild_segment meets.
class Rebuild {
 public:
  Rebuild(const std::filesystem::path& name, std::vector<DamageReport>& damage) : name_(name), damage_(damage) {}

  void add(const SegmentScanner::Frame& frame) {
    if (const Damage damage = add_contents(frame); damage != Damage::kNone) {
      add({frame.offset, frame.bytes.size(), damage, /*header_is_sound=*/true, frame.header});
      return;
    }
    result_.has_frames = true;
    if (frame.header.magic != kIndexMagic) {
      keep_until(frame.offset + frame.bytes.size());
      sound_end_ = result_.end;
    }
  }

  void add(const SegmentScanner::DamagedPart& part) {
    damage_.push_back(part_damage(name_, part));
    if (part.offset == 0 || is_index_or_footer(part)) return;
    keep_until(part.torn ? part.offset : part.offset + part.size);
    result_.torn_size = part.torn ? part.size : 0;
  }

  // The footer, where there is a sound one, tells where an index of which nothing can be read begins.
  RebuiltSegment finish(const std::optional<SegmentFooter>& footer) {
    if (footer && result_.stored_index_end == 0 && footer->index_offset >= sound_end_ &&
        footer->index_offset < result_.end) {
      result_.end = footer->index_offset;
    }
    result_.index = index_.finish();
    return std::move(result_);
  }

 private:
  Damage add_contents(const SegmentScanner::Frame& frame) {
    switch (frame.header.magic) {
      case kBlockMagic: return add_block(frame);
      case kDictionaryMagic: return add_names(frame);
      case kIndexMagic: return add_index(frame);
      case kLedgerMagic:
        ++result_.ledger_frames;
        result_.ledger_entries += frame.header.record_count;
        return Damage::kNone;
      default: return Damage::kNone;
    }
  }

  Damage add_block(const SegmentScanner::Frame& frame) {
    BlockView block;
    Damage damage = opener_.open_verified(frame.bytes, frame.header, block);
    if (damage == Damage::kNone) damage = check_records(block);
    if (damage != Damage::kNone) return damage;
    if (Sequence(frame.header.first_sequence) < index_.next_sequence()) return Damage::kRepeated;
    index_.add_block(frame.offset, static_cast<uint32_t>(frame.bytes.size()), block);
    return Damage::kNone;
  }

  Damage add_names(const SegmentScanner::Frame& frame) {
    auto names = decode_names(body_of(frame.bytes, frame.header), frame.header.record_count);
    if (!names) return Damage::kStructure;
    index_.add_names(std::move(*names));
    return Damage::kNone;
  }

  // Late names may be nowhere else.
  Damage add_index(const SegmentScanner::Frame& frame) {
    auto index = decode_index(body_of(frame.bytes, frame.header));
    if (!index || !fits_before(frame.offset, *index)) return Damage::kStructure;
    std::vector<TopicName> names;
    for (const TopicBlocks& topic : index->topics) names.push_back(topic.name);
    index_.add_names(std::move(names));
    if (frame.offset == result_.end) {
      result_.stored_index = std::move(*index);
      result_.stored_index_end = frame.offset + frame.bytes.size();
    }
    return Damage::kNone;
  }

  void keep_until(uint64_t end) {
    result_.end = end;
    result_.stored_index_end = 0;
  }

  bool is_index_or_footer(const SegmentScanner::DamagedPart& part) const {
    const bool is_index = part.header_is_sound && part.header.magic == kIndexMagic;
    return is_index || (part.offset == result_.stored_index_end && part.size <= kHeaderSize);
  }

  const std::filesystem::path& name_;
  std::vector<DamageReport>& damage_;
  BlockOpener opener_;
  IndexRebuilder index_;
  RebuiltSegment result_;
  uint64_t sound_end_ = kHeaderSize;  // of the last frame that is sound and no index
};

}  // namespace

core::Result<std::optional<SegmentIndex>> read_index(const SegmentScanner& scanner) {
  const std::optional<SegmentIndex> none;
  TD_ASSIGN(const std::optional<SegmentFooter> footer, read_footer(scanner));
  const uint64_t frames_end = scanner.file_size() - kHeaderSize;
  if (!footer || footer->index_offset > frames_end - kHeaderSize) return none;
  const uint64_t size = frames_end - footer->index_offset;
  if (size > kHeaderSize + uint64_t{kIndexBytesMax}) return none;
  std::vector<std::byte> frame(size);
  TD_TRY(scanner.file().read_at(footer->index_offset, frame));
  BlockHeader header;
  if (verify_frame(frame, header) != Damage::kNone || header.magic != kIndexMagic || frame_size(header) != size) {
    return none;
  }
  auto index = decode_index(body_of(frame, header));
  if (!index || !is_sound(*index, *footer)) return none;
  return std::optional(std::move(*index));
}

core::Result<RebuiltSegment> rebuild_segment(SegmentScanner& scanner, const std::filesystem::path& name_in_tape,
                                             std::vector<DamageReport>& damage) {
  Rebuild rebuild(name_in_tape, damage);
  for (;;) {
    TD_ASSIGN(const auto item, scanner.next());
    if (item == SegmentScanner::Item::kEnd) break;
    if (item == SegmentScanner::Item::kFrame) {
      rebuild.add(scanner.frame());
    } else {
      rebuild.add(scanner.damage());
    }
  }
  TD_ASSIGN(const std::optional<SegmentFooter> footer, read_footer(scanner));
  return rebuild.finish(footer);
}

void IndexRebuilder::add_block(uint64_t offset, uint32_t frame_size, const BlockView& block) {
  uint64_t payload_bytes = 0;
  const auto number = static_cast<uint32_t>(index_.blocks.size());
  for (const RecordView record : block) {
    payload_bytes += record.payload().size();
    note_topic(record.topic(), number);
  }
  index_.blocks.push_back({.offset = offset,
                           .first_sequence = Sequence(block.header.first_sequence),
                           .time_min = Nanos(block.header.time_min_ns),
                           .time_max = Nanos(block.header.time_max_ns),
                           .record_count = block.header.record_count,
                           .frame_size = frame_size,
                           .payload_bytes = static_cast<uint32_t>(payload_bytes)});
  next_sequence_ = Sequence(block.header.first_sequence) + block.header.record_count;
}

void IndexRebuilder::note_topic(TopicId topic, uint32_t block) {
  if (topic.value >= kTopicsMax) return;
  if (topic.value >= blocks_of_topic_.size()) blocks_of_topic_.resize(topic.value + 1);
  auto& blocks = blocks_of_topic_[topic.value];
  if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
}

void IndexRebuilder::add_names(std::vector<TopicName> names) {
  for (TopicName& name : names) {
    TopicName& known = names_[name.topic];
    if (known.version <= name.version) known = std::move(name);
  }
}

SegmentIndex IndexRebuilder::finish() {
  for (auto& [topic, name] : names_) {
    TopicBlocks& entry = index_.topics.emplace_back(TopicBlocks{std::move(name), {}});
    if (topic.value < blocks_of_topic_.size()) entry.blocks = std::move(blocks_of_topic_[topic.value]);
  }
  return std::move(index_);
}

DamageReport part_damage(const std::filesystem::path& name_in_tape, const SegmentScanner::DamagedPart& part) {
  const bool is_block = part.header_is_sound && part.header.magic == kBlockMagic;
  return {.file = name_in_tape,
          .offset = part.offset,
          .size = part.size,
          .records_lost = is_block ? part.header.record_count : 0,
          .what = std::string(damage_name(part.damage)),
          .unfinished = part.torn};
}

}  // namespace tapedeck::tape
