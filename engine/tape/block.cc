#include "engine/tape/block.h"

#include "engine/core/crc32c.h"

namespace tapedeck::tape {
namespace {

constexpr size_t kHeaderCrcOffset = offsetof(BlockHeader, header_crc);
// Bytes of records for each byte of room for the side column, which is enough for nearly every block.
constexpr size_t kBytesPerSideByte = 16;

bool sizes_are_possible(const BlockHeader& h) {
  const uint32_t size_max = h.magic == kIndexMagic ? kIndexBytesMax : kBlockBytesMax;
  if (h.stored_size % 8 != 0 || h.stored_size > size_max || h.raw_size > size_max) return false;
  const bool is_block = h.magic == kBlockMagic;
  const bool is_compressed = is_block && codec_of(h) != Codec::kNone;  // nothing but blocks is
  if (!is_compressed && h.raw_size > h.stored_size) return false;
  return !is_block || (h.record_count > 0 && h.raw_size / kRecordHeadSize >= h.record_count);
}

}  // namespace

std::string_view damage_name(Damage damage) {
  switch (damage) {
    case Damage::kNone: return "none";
    case Damage::kHeader: return "header damaged";
    case Damage::kVersion: return "of another version";
    case Damage::kCut: return "cut short";
    case Damage::kStored: return "checksum of the stored bytes is wrong";
    case Damage::kRaw: return "checksum of the records is wrong";
    case Damage::kStructure: return "contents make no sense";
    case Damage::kRepeated: return "repeats records of an earlier block";
  }
  return "unknown damage";
}

Damage read_header(Bytes frame, BlockHeader& header) {
  if (frame.size() < kHeaderSize) return Damage::kCut;
  std::memcpy(&header, frame.data(), kHeaderSize);
  if (!is_frame_magic(header.magic)) return Damage::kHeader;
  if (core::crc32c(frame.first(kHeaderCrcOffset)) != header.header_crc) return Damage::kHeader;
  if (header.version != kFormatVersion) return Damage::kVersion;
  if (!sizes_are_possible(header)) return Damage::kHeader;
  return Damage::kNone;
}

Damage verify_frame(Bytes frame, BlockHeader& header) {
  if (const Damage damage = read_header(frame, header); damage != Damage::kNone) return damage;
  if (frame.size() < frame_size(header)) return Damage::kCut;
  const Bytes stored = frame.subspan(kHeaderSize, header.stored_size);
  if (codec_of(header) != Codec::kNone) {
    return core::crc32c(stored) == header.stored_crc ? Damage::kNone : Damage::kStored;
  }
  // One pass for both checksums: that of the stored bytes goes on where that of the records ends.
  const uint32_t raw_crc = core::crc32c(stored.first(header.raw_size));
  const uint32_t stored_crc = core::crc32c(stored.subspan(header.raw_size), raw_crc);
  if (stored_crc != header.stored_crc) return Damage::kStored;
  return raw_crc == header.raw_crc ? Damage::kNone : Damage::kRaw;
}

Damage BlockOpener::open(Bytes frame, BlockView& block) {
  BlockHeader header;
  if (const Damage damage = verify_frame(frame, header); damage != Damage::kNone) return damage;
  return open_verified(frame, header, block);
}

Damage BlockOpener::open_verified(Bytes frame, const BlockHeader& header, BlockView& block) {
  if (header.magic != kBlockMagic) return Damage::kStructure;
  if ((header.codec_and_flags & kUnknownFlags) != 0) return Damage::kVersion;
  block.header = header;
  const Bytes stored = frame.subspan(kHeaderSize, header.stored_size);
  if (codec_of(header) == Codec::kNone) {
    block.records = RecordRange(stored.first(header.raw_size), has_source_time(header));
    block.side_column = stored.subspan(header.raw_size);
    return Damage::kNone;
  }
  if (codec_of(header) > kCodecs.back()) return Damage::kVersion;
  const auto side = side_column_of(stored);
  if (!side) return Damage::kStructure;
  block.side_column = *side;
  if (const Damage damage = decompress(stored.first(stored.size() - side->size()), header); damage != Damage::kNone) {
    return damage;
  }
  block.records = RecordRange(Bytes(scratch_).first(header.raw_size), has_source_time(header));
  return Damage::kNone;
}

Damage BlockOpener::decompress(Bytes payload, const BlockHeader& header) {
  if (scratch_.size() < header.raw_size) scratch_.resize(header.raw_size);
  const MutableBytes raw = MutableBytes(scratch_).first(header.raw_size);
  if (!decompressor_.decompress(codec_of(header), payload, raw)) return Damage::kRaw;
  return core::crc32c(raw) == header.raw_crc ? Damage::kNone : Damage::kRaw;
}

Damage check_records(const BlockView& block) {
  return check_records(block, [](const RecordView&) { return true; });
}

void stamp_header(MutableBytes frame, BlockHeader& header) {
  const Bytes stored = frame.subspan(kHeaderSize);
  header.stored_size = static_cast<uint32_t>(stored.size());
  if (codec_of(header) == Codec::kNone) {
    header.raw_crc = core::crc32c(stored.first(header.raw_size));
    header.stored_crc = core::crc32c(stored.subspan(header.raw_size), header.raw_crc);
  } else {
    header.stored_crc = core::crc32c(stored);  // the caller has set raw_crc, before it compressed
  }
  std::memcpy(frame.data(), &header, kHeaderSize);
  header.header_crc = core::crc32c(Bytes(frame).first(kHeaderCrcOffset));
  core::store_le(frame.data() + kHeaderCrcOffset, header.header_crc);
}

BlockBuilder::BlockBuilder(TapeId tape, Lane lane, bool has_source_time, uint32_t records_bytes)
    : frame_(kHeaderSize + records_bytes + records_bytes / kBytesPerSideByte),
      records_bytes_max_(records_bytes),
      has_source_time_(has_source_time) {
  header_.codec_and_flags = has_source_time ? kHasSourceTime : 0;
  header_.lane = lane.value;
  header_.tape_id = tape.value;
}

void BlockBuilder::start(Lane lane, Sequence first_sequence) {
  TD_CHECK(empty());
  header_.lane = lane.value;
  header_.first_sequence = first_sequence.value;
}

core::Result<size_t> BlockBuilder::compress(Codec codec) {
  if (codec == Codec::kNone) return 0;
  const size_t size_max = records().size() - 1;
  compressed_.grow(kHeaderSize + size_max);
  return compressor_.compress(codec, records(), compressed_.bytes().subspan(kHeaderSize, size_max));
}

core::Result<Bytes> BlockBuilder::seal(Codec codec) {
  TD_CHECK(!empty());
  TD_ASSIGN(const size_t compressed_size, compress(codec));
  if (compressed_size == 0) codec = Codec::kNone;
  header_.raw_size = static_cast<uint32_t>(records().size());
  header_.codec_and_flags = static_cast<uint8_t>((has_source_time_ ? kHasSourceTime : 0) | static_cast<uint8_t>(codec));
  if (codec == Codec::kNone) return finish_frame(frame_, used_);
  header_.raw_crc = core::crc32c(records());
  return finish_frame(compressed_, kHeaderSize + compressed_size);
}

Bytes BlockBuilder::finish_frame(core::PageBuffer& frame, size_t end) {
  const Bytes column = ordinals_.finish(end - kHeaderSize);
  frame.grow(end + column.size());
  std::memcpy(frame.data() + end, column.data(), column.size());
  const MutableBytes whole = frame.bytes().first(end + column.size());
  stamp_header(whole, header_);
  header_.first_sequence += header_.record_count;
  header_.record_count = 0;
  payload_bytes_ = 0;
  used_ = kHeaderSize;
  return whole;
}

}  // namespace tapedeck::tape
