// The structs that stand on disk, as docs/tape-format.md describes them, and the limits of the format. Everything is
// little-endian. A segment file is a SegmentHeader, then frames, then (when sealed) an index frame and a SegmentFooter.
// Every frame begins with a BlockHeader, whatever its kind; its magic tells the kind.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/bytes.h"
#include "engine/core/types.h"

namespace tapedeck::tape {

using core::Bytes;
using core::Lane;
using core::MutableBytes;
using core::Nanos;
using core::Ordinal;
using core::Sequence;
using core::SourceId;
using core::TapeId;
using core::TopicId;

inline constexpr uint8_t kFormatVersion = 0;
inline constexpr uint32_t kPayloadBytesMax = 16u << 20;  // of one record
inline constexpr uint32_t kBlockBytesMax = 64u << 20;    // of a frame, as stored and as raw records
inline constexpr uint32_t kIndexBytesMax = 2u << 30;     // of the index frame, which alone may be larger
inline constexpr uint16_t kLanesMax = 1024;
inline constexpr uint32_t kTopicsMax = 4u << 20;  // of a tape; a forged topic id makes no larger table than this
inline constexpr uint32_t kTopicNameBytesMax = 255;

enum class Codec : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

// What a lane holds. Readers skip kinds that they do not know.
enum class LaneKind : uint8_t { kData = 1, kReference = 2, kPacket = 3, kLedger = 4 };

// The first four bytes of each struct, as they stand in the file.
inline constexpr uint32_t kSegmentMagic = 0x47534454;     // "TDSG"
inline constexpr uint32_t kBlockMagic = 0x4b424454;       // "TDBK": records
inline constexpr uint32_t kDictionaryMagic = 0x43444454;  // "TDDC": topic names
inline constexpr uint32_t kLedgerMagic = 0x474c4454;      // "TDLG": losses
inline constexpr uint32_t kIndexMagic = 0x58494454;       // "TDIX": of a segment
inline constexpr uint32_t kFooterMagic = 0x54464454;      // "TDFT"

// True for the magic of a frame, of a kind that we know or not: readers skip kinds that they do not know.
[[nodiscard]] constexpr bool is_frame_magic(uint32_t magic) {
  return (magic & 0xffff) == (kBlockMagic & 0xffff) && magic != kSegmentMagic && magic != kFooterMagic;
}

// docs/tape-format.md, "Segment header".
struct SegmentHeader {
  uint32_t magic = kSegmentMagic;
  uint8_t version = kFormatVersion;
  uint8_t lane_kind = 0;
  uint16_t lane = 0;
  uint64_t tape_id = 0;
  uint64_t created_ns = 0;
  uint64_t first_sequence = 0;  // of the first record in this segment, within the lane
  uint32_t segment = 0;         // number within the lane, from 0
  uint32_t reserved[6] = {};
  uint32_t header_crc = 0;  // CRC32C of the 60 bytes before it; likewise below
};
static_assert(sizeof(SegmentHeader) == 64 && alignof(SegmentHeader) == 8);
static_assert(offsetof(SegmentHeader, first_sequence) == 24 && offsetof(SegmentHeader, header_crc) == 60);

// docs/tape-format.md, "Frames and blocks". In frames that are no blocks, record_count counts their entries, and the
// sequence and the times are zero.
struct BlockHeader {
  uint32_t magic = kBlockMagic;
  uint8_t version = kFormatVersion;
  uint8_t codec_and_flags = 0;  // low four bits: Codec; kHasSourceTime
  uint16_t lane = 0;
  uint64_t tape_id = 0;
  uint64_t first_sequence = 0;  // of the first record, within the lane
  uint32_t record_count = 0;
  uint32_t stored_size = 0;  // bytes that follow this header: payload and side column; a multiple of 8
  uint32_t raw_size = 0;     // bytes of the records when decompressed
  uint32_t stored_crc = 0;   // CRC32C of the stored bytes
  uint64_t time_min_ns = 0;  // capture times
  uint64_t time_max_ns = 0;
  uint32_t raw_crc = 0;  // CRC32C of the records when decompressed
  uint32_t header_crc = 0;
};
static_assert(sizeof(BlockHeader) == 64 && alignof(BlockHeader) == 8);
static_assert(offsetof(BlockHeader, tape_id) == 8 && offsetof(BlockHeader, first_sequence) == 16);
static_assert(offsetof(BlockHeader, record_count) == 24 && offsetof(BlockHeader, stored_crc) == 36);
static_assert(offsetof(BlockHeader, time_min_ns) == 40 && offsetof(BlockHeader, header_crc) == 60);

inline constexpr uint8_t kCodecMask = 0x0f;
inline constexpr uint8_t kHasSourceTime = 0x10;  // each record of the block carries the time of its source
inline constexpr uint8_t kUnknownFlags = 0xe0;   // a block with one of these is of a later version

// docs/tape-format.md, "Footer": the last 64 bytes of a sealed segment.
struct SegmentFooter {
  uint32_t magic = kFooterMagic;
  uint8_t version = kFormatVersion;
  uint8_t lane_kind = 0;
  uint16_t lane = 0;
  uint64_t tape_id = 0;
  uint32_t segment = 0;
  uint32_t block_count = 0;
  uint64_t record_count = 0;
  uint64_t index_offset = 0;  // of the index frame, from the start of the file
  uint64_t time_min_ns = 0;
  uint64_t time_max_ns = 0;
  uint32_t reserved = 0;
  uint32_t header_crc = 0;
};
static_assert(sizeof(SegmentFooter) == 64 && alignof(SegmentFooter) == 8);
static_assert(offsetof(SegmentFooter, index_offset) == 32 && offsetof(SegmentFooter, header_crc) == 60);

inline constexpr size_t kHeaderSize = 64;  // of each of the three

// docs/tape-format.md, "Records": capture time u64, topic u32, payload size u32, then the source time u64 where the
// block has kHasSourceTime, then the payload and zeros up to a multiple of 8.
inline constexpr size_t kRecordHeadSize = 16;
inline constexpr size_t kSourceTimeSize = 8;

[[nodiscard]] constexpr size_t payload_offset(bool has_source_time) {
  return kRecordHeadSize + (has_source_time ? kSourceTimeSize : 0);
}
[[nodiscard]] constexpr size_t record_size(size_t payload_size, bool has_source_time) {
  return core::align8(payload_offset(has_source_time) + payload_size);
}

}  // namespace tapedeck::tape
