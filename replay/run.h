// A run: consecutive blocks of one lane, verified, in a pool's buffer with room in front for the envelope. What is
// read of a tape for the publisher.
#pragma once

#include "engine/core/buffer_pool.h"
#include "engine/core/file.h"
#include "engine/tape/digest.h"
#include "engine/transport/envelope.h"

namespace tapedeck::replay {

// What a stretch of records adds to its lane's digest.
struct Piece {
  uint64_t records = 0;
  uint32_t crc = 0;
  uint64_t record_bytes = 0;

  void append(uint64_t more_records, uint32_t more_crc, uint64_t more_bytes) {
    tape::LaneDigest digest{records, crc};
    digest.add(more_records, more_crc, more_bytes);
    *this = {digest.records, digest.crc, record_bytes + more_bytes};
  }
};

// The room that a pool's buffer has for the blocks of a run beyond their size: a page for the envelope in front, and as
// reading goes by whole pages, one more on either side.
inline constexpr size_t kRunOverhead = 3 * core::kPageSize;

// What reading the next run came to.
enum class Read {
  kRun,
  kNothing,  // nothing sound or wanted in what was read: go on
  kEnd,
};

struct Run {
  core::BufferLease buffer;
  size_t begin = 0;  // of the blocks in it; with at least transport::kHeadroom in front
  size_t size = 0;   // of the blocks
  core::Lane lane{};
  uint32_t pass = 0;
  core::Nanos order_time{};  // running maximum of the lane's capture times, the first record of this run included
  Piece piece;

  [[nodiscard]] core::Bytes blocks() const { return buffer.bytes().subspan(begin, size); }
};

}  // namespace tapedeck::replay
