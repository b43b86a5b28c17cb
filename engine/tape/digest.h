// Digests: proof that the records of a lane, or of a whole tape, are the same bytes in the same order. Pieces combine,
// so that neither blocks nor slices nor shards change the result (docs/tape-format.md, "Digest"). Plain data.
#pragma once

#include <map>
#include <string>

#include "engine/tape/format.h"

namespace tapedeck::tape {

// Of the records of one lane, in order.
struct LaneDigest {
  uint64_t records = 0;
  uint32_t crc = 0;

  // Adds the next piece: its number of records, the CRC32C of their bytes, and how many bytes those are.
  void add(uint64_t piece_records, uint32_t piece_crc, uint64_t piece_bytes);
  bool operator==(const LaneDigest&) const = default;
};

// Eight lower-case hex digits: the CRC32C over (lane u32, records u64, crc u32), little-endian, of each lane that has
// records, ascending.
[[nodiscard]] std::string tape_digest(const std::map<Lane, LaneDigest>& lanes);

}  // namespace tapedeck::tape
