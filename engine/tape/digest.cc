#include "engine/tape/digest.h"

#include <fmt/format.h>

#include <vector>

#include "engine/core/crc32c.h"

namespace tapedeck::tape {

void LaneDigest::add(uint64_t piece_records, uint32_t piece_crc, uint64_t piece_bytes) {
  crc = records == 0 ? piece_crc : core::crc32c_combine(crc, piece_crc, piece_bytes);
  records += piece_records;
}

std::string tape_digest(const std::map<Lane, LaneDigest>& lanes) {
  uint32_t crc = 0;
  for (const auto& [lane, digest] : lanes) {
    if (digest.records == 0) continue;
    std::vector<std::byte> entry;
    core::append_le(entry, uint32_t{lane.value});
    core::append_le(entry, digest.records);
    core::append_le(entry, digest.crc);
    crc = core::crc32c(entry, crc);
  }
  return fmt::format("{:08x}", crc);
}

}  // namespace tapedeck::tape
