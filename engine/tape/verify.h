// Reads every byte of a tape and says what does not hold: checksums, sequences, indexes against blocks, manifest
// against segments. Also digests, which are computed from the same bytes.
#pragma once

#include <map>
#include <vector>

#include "engine/tape/digest.h"
#include "engine/tape/tape_reader.h"

namespace tapedeck::tape {

struct Verification {
  uint64_t blocks = 0;                 // sound ones
  uint64_t records = 0;                // in them
  uint64_t damaged_blocks = 0;         // and stretches in which a block may have been
  uint64_t records_lost = 0;           // as far as counts tell
  std::map<Lane, LaneDigest> digests;  // over the sound blocks
  std::vector<DamageReport> damage;
  [[nodiscard]] bool clean() const { return damage.empty(); }
};

[[nodiscard]] core::Result<Verification> verify(const TapeReader& tape);

// Digests of all records that can be read, lane by lane; damage met is appended to `damage`.
[[nodiscard]] std::map<Lane, LaneDigest> compute_digests(const TapeReader& tape, std::vector<DamageReport>& damage);

}  // namespace tapedeck::tape
