// One damaged part of a tape, as it is told to people. Plain data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tapedeck::tape {

struct DamageReport {
  std::filesystem::path file;  // relative to the tape
  uint64_t offset = 0;
  uint64_t size = 0;  // 0 where it is a file or a number as a whole
  uint64_t records_lost = 0;
  std::string what;
  bool unfinished = false;  // no damage: what a recorder that was killed had not finished
};

// "lane-0001/000002.seg: 4160 bytes at offset 64: cut short (30 records lost)".
[[nodiscard]] std::string to_sentence(const DamageReport& damage);

}  // namespace tapedeck::tape
