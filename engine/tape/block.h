// Blocks: building them from records, and opening them in place. A BlockBuilder collects the records of one lane in a
// buffer with room for the header in front, so that a sealed block without compression is written as it lies. Opening
// verifies every checksum; records of an uncompressed block are then read where they are. One thread each.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/core/page_buffer.h"
#include "engine/core/status.h"
#include "engine/tape/codec.h"
#include "engine/tape/ordinals.h"
#include "engine/tape/record.h"

namespace tapedeck::tape {

// A verified block. The bytes belong to whoever opened it.
struct BlockView {
  BlockHeader header;
  RecordRange records;
  Bytes side_column;  // empty in slices of a replay

  [[nodiscard]] RecordRange::Iterator begin() const { return records.begin(); }
  [[nodiscard]] RecordRange::Iterator end() const { return records.end(); }
  [[nodiscard]] uint32_t size() const { return header.record_count; }
};

// What is wrong with a frame.
enum class Damage : uint8_t {
  kNone,
  kHeader,     // the header's checksum, or sizes that cannot be
  kVersion,    // of a version that we do not read
  kCut,        // fewer bytes than the header says
  kStored,     // checksum of the stored bytes
  kRaw,        // checksum of the decompressed records, or they do not decompress
  kStructure,  // checksums hold, but what they cover makes no sense
  kRepeated,   // sound, but its records came before
};
[[nodiscard]] std::string_view damage_name(Damage damage);

// The header at the front of `frame`, if it is whole and sound. Looks at no more than the header.
[[nodiscard]] Damage read_header(Bytes frame, BlockHeader& header);
[[nodiscard]] constexpr size_t frame_size(const BlockHeader& header) { return kHeaderSize + header.stored_size; }
[[nodiscard]] inline Codec codec_of(const BlockHeader& header) { return Codec(header.codec_and_flags & kCodecMask); }
[[nodiscard]] inline bool has_source_time(const BlockHeader& header) {
  return (header.codec_and_flags & kHasSourceTime) != 0;
}

// Header and stored checksum of the frame at the front of `frame`; what a reader that forwards blocks verifies. For an
// uncompressed block this covers the records' own checksum too, in the same pass.
[[nodiscard]] Damage verify_frame(Bytes frame, BlockHeader& header);

// Opens blocks; keeps a buffer for decompression, so that the view is valid until the next open or until the frame's
// bytes go. A frame of another kind than a block is kStructure.
class BlockOpener {
 public:
  // Verifies everything that verify_frame does, and the checksum of the decompressed records.
  [[nodiscard]] Damage open(Bytes frame, BlockView& block);
  // The same for a frame in which verify_frame has found no damage, without a second pass over its bytes.
  [[nodiscard]] Damage open_verified(Bytes frame, const BlockHeader& header, BlockView& block);

 private:
  Damage decompress(Bytes payload, const BlockHeader& header);

  Decompressor decompressor_;
  std::vector<std::byte> scratch_;
};

// Walks the records of a verified block: kStructure unless there are as many as the header says, with times within its
// bounds, and they fill the bytes exactly. Costs a pass over the records; for verify, not for the hot path.
[[nodiscard]] Damage check_records(const BlockView& block);
// The same in one pass with a check of the caller's own: kStructure also where `is_sound(record)` is false for one.
template <class IsSound>
[[nodiscard]] Damage check_records(const BlockView& block, const IsSound& is_sound) {
  uint64_t count = 0;
  uint64_t bytes = 0;
  for (const RecordView record : block) {
    const uint64_t time_ns = record.capture_time().value;
    if (time_ns < block.header.time_min_ns || time_ns > block.header.time_max_ns) return Damage::kStructure;
    if (!is_sound(record)) return Damage::kStructure;
    ++count;
    bytes += record.bytes().size();
  }
  const bool whole = count == block.header.record_count && bytes == block.header.raw_size;
  return whole ? Damage::kNone : Damage::kStructure;
}

class BlockBuilder {
 public:
  // Identity of the blocks to come. `records_bytes` is the size at which a block is full.
  BlockBuilder(TapeId tape, Lane lane, bool has_source_time, uint32_t records_bytes);

  // The next block is of this lane and begins with this sequence. The builder must be empty.
  void start(Lane lane, Sequence first_sequence);

  [[nodiscard]] bool empty() const { return header_.record_count == 0; }
  [[nodiscard]] const BlockHeader& header() const { return header_; }  // counts, times and first sequence so far
  [[nodiscard]] uint64_t payload_bytes() const { return payload_bytes_; }
  // True if another payload of this size fits; always true for an empty block, which grows for it.
  [[nodiscard]] bool fits(size_t payload_size) const;
  // Appends a record that fits, with a payload of at most kPayloadBytesMax. About 10 ns for 100 bytes.
  void add(const Record& record);

  // Seals what was added, and gives the frame: valid until the next add. Then starts an empty block after it. Records
  // that do not become smaller are stored uncompressed.
  [[nodiscard]] core::Result<Bytes> seal(Codec codec);

 private:
  // Makes room for a record of `size` bytes and gives the place; notes its time.
  std::byte* extend(size_t size, uint64_t time_ns);
  // Compresses the records to compressed_, behind room for a header; the size, or 0 where they do not become smaller.
  [[nodiscard]] core::Result<size_t> compress(Codec codec);
  // Puts the side column behind what ends at `end`, stamps the header, and starts the next block.
  Bytes finish_frame(core::PageBuffer& frame, size_t end);

  // How far behind a record the next one's memory is asked for: with many lanes in turn it is in no cache any more.
  static constexpr size_t kWriteAhead = 64;

  [[nodiscard]] Bytes records() const { return frame_.bytes().first(used_).subspan(kHeaderSize); }

  core::PageBuffer frame_;       // header room, then records up to used_; only ever grows
  core::PageBuffer compressed_;  // the same for the frame of a compressed block
  size_t used_ = kHeaderSize;
  OrdinalColumnBuilder ordinals_;
  Compressor compressor_;
  BlockHeader header_;
  size_t records_bytes_max_;
  uint64_t payload_bytes_ = 0;
  bool has_source_time_;
};

inline bool BlockBuilder::fits(size_t payload_size) const {
  return empty() || used_ - kHeaderSize + record_size(payload_size, has_source_time_) <= records_bytes_max_;
}

inline std::byte* BlockBuilder::extend(size_t size, uint64_t time_ns) {
  header_.time_min_ns = empty() ? time_ns : std::min(header_.time_min_ns, time_ns);
  header_.time_max_ns = empty() ? time_ns : std::max(header_.time_max_ns, time_ns);
  if (used_ + size > frame_.size()) [[unlikely]] {
    frame_.grow(used_ + size);
  }
  std::byte* at = frame_.data() + used_;
  used_ += size;
  return at;
}

inline void BlockBuilder::add(const Record& record) {
  const size_t size = record_size(record.payload.size(), has_source_time_);
  std::byte* p = extend(size, record.capture_time.value);
  core::store_le(p + size - 8, uint64_t{0});  // the padding; what is not padding is overwritten below
  core::store_le(p, record.capture_time.value);
  core::store_le(p + 8, record.topic.value);
  core::store_le(p + 12, static_cast<uint32_t>(record.payload.size()));
  if (has_source_time_) core::store_le(p + kRecordHeadSize, record.source_time.value);
  if (!record.payload.empty()) {
    std::memcpy(p + payload_offset(has_source_time_), record.payload.data(), record.payload.size());
  }
  core::prefetch_for_write(p + size + kWriteAhead);
  ordinals_.add(record.source, record.ordinal);
  payload_bytes_ += record.payload.size();
  ++header_.record_count;
}

// Completes a frame whose body stands in frame[64..]: sets stored_size, both checksums of the body (raw_size bytes of
// it are uncompressed records) and the header's own, and stores the header. Used for frames that are no blocks, too.
void stamp_header(MutableBytes frame, BlockHeader& header);

}  // namespace tapedeck::tape
