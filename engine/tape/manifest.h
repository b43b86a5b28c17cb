// manifest.json: what a tape is and what it holds, for people and for programs that do not want to open its lanes. All
// of it can be rebuilt from the segments. Its text is canonical and carries a checksum of itself, so that every flipped
// byte is noticed (docs/tape-format.md, "Manifest").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/tape/format.h"

namespace tapedeck::tape {

struct LaneSummary {
  Lane lane{};
  LaneKind kind = LaneKind::kData;
  uint32_t segments = 0;
  uint64_t blocks = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;          // of its files
  uint64_t payload_bytes = 0;  // of its records, without heads and padding
  uint64_t time_min_ns = 0;    // capture times; both 0 where the lane is empty
  uint64_t time_max_ns = 0;
  bool operator==(const LaneSummary&) const = default;
};

struct SourceSummary {
  SourceId source{};
  std::string name;      // where it came from, e.g. "pcap:feed.pcap 233.54.12.111:26477"
  std::string protocol;  // the decoder's name
};

struct Manifest {
  TapeId id{};
  Nanos created{};
  bool sealed = false;  // false while it is recorded, and for ever when the recorder was killed
  Codec codec = Codec::kNone;
  uint32_t lane_count = 0;  // data lanes, empty ones too
  uint64_t topics = 0;
  uint64_t gaps = 0;               // ledger entries
  uint64_t messages_lost = 0;      // sum of their counts
  uint64_t ledger_bytes = 0;       // of ledger.seg; 0 where there is none
  std::vector<LaneSummary> lanes;  // those that have segments
  std::vector<SourceSummary> sources;
};

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kLedgerName = "ledger.seg";

[[nodiscard]] std::string format_tape_id(TapeId id);       // 16 lower-case hex digits
[[nodiscard]] std::string lane_folder(Lane lane);          // "lane-0007"
[[nodiscard]] std::string segment_name(uint32_t segment);  // "000012.seg"
[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
// Fails with kDamaged where the text was altered, and with kFailed where it is of another version or no manifest.
[[nodiscard]] core::Result<Manifest> decode_manifest(std::string_view text);

}  // namespace tapedeck::tape
