// What the micro-benchmarks share: data to measure with, made at the first call and the same on every machine that has
// the recorded feeds, and rates as they are shown. What cannot be made ends the program. One thread.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/bytes.h"
#include "engine/core/status.h"

namespace tapedeck::bench {

inline constexpr size_t kMebibyte = size_t{1} << 20;

// Records of a market, as they stand in the uncompressed blocks of one lane.
struct Market {
  std::string name;  // of the recorded feed, or of what stands in for it
  std::vector<std::byte> records;
};
// IEX TOPS 1.6 of 10 July 2017 where the recorded feeds are (TAPEDECK_DATA_DIR), else ITCH as `tapedeck synth` makes
// it.
[[nodiscard]] const Market& market();

// A folder for tapes; gone with the process.
[[nodiscard]] const std::filesystem::path& scratch_folder();

// Shown as so many a second, in powers of ten: "messages=12.3M/s".
[[nodiscard]] inline benchmark::Counter per_second(size_t per_iteration) {
  return {static_cast<double>(per_iteration), benchmark::Counter::kIsIterationInvariantRate,
          benchmark::Counter::kIs1000};
}

// The value, which may be ignored, or the end of the program.
template <class T>
T value_or_exit(core::Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "micro: {}\n", result.error().message);
  std::exit(1);
}

}  // namespace tapedeck::bench
