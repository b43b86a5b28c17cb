// What a subscriber received, as it states it at the end of a tape: computed from the bytes that it delivered. A replay
// compares it with what it sent. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/tape/digest.h"

namespace tapedeck::transport {

struct Receipt {
  std::string subscriber;  // its name
  bool complete = false;   // everything that was sent arrived, in order and sound, until the end of the tape
  std::string problem;     // one sentence where it is not
  uint64_t records = 0;
  uint64_t record_bytes = 0;  // with heads and padding
  uint64_t frames = 0;
  uint64_t gaps = 0;              // jumps of the wire sequence, one at the end included
  uint64_t records_lost = 0;      // in gaps and in damaged blocks
  uint64_t damaged_blocks = 0;    // whose checksums were wrong when they arrived
  uint64_t repeated_records = 0;  // that came again, and were left out
  uint64_t bad_frames = 0;        // that were none of ours, or whose front was damaged
  std::map<core::Lane, tape::LaneDigest> lanes;
  // The first record that was had of lanes that do not begin with their first, by its wire sequence: of a subscriber
  // that joined late. What was sent before it is in records_lost.
  std::map<core::Lane, uint64_t> begins_at{};
  uint64_t late_p50_ns = 0;  // from when a run was due to when its handler had returned; by the publisher's clock
  uint64_t late_p99_ns = 0;
  uint64_t late_max_ns = 0;

  [[nodiscard]] std::string digest() const { return tape::tape_digest(lanes); }
};

}  // namespace tapedeck::transport
