// A tape of plain messages of one size on many topics, for measuring: random bytes that LZ4 does not make smaller, the
// message's number in the first eight of them, on topics "fixed/T0001" and so on. No source times, so that a message of
// 100 bytes is a record of 120. The same options give the same records, and so the same digest. One thread; memory does
// not grow with the tape; a message costs little more than TapeWriter needs for it.
#pragma once

#include <filesystem>

#include "engine/core/status.h"
#include "engine/core/stop.h"
#include "engine/tape/tape_writer.h"
#include "tools/synth/report.h"

namespace tapedeck::synth {

struct FixedTapeOptions {
  uint32_t payload_bytes = 100;  // 1 to tape::kPayloadBytesMax
  uint64_t messages = 1'000'000;
  uint32_t topics = 1000;
  double zipf = 0;               // how uneven the topics are: 0 takes them in turn
  uint64_t mean_rate = 100'000;  // messages a second: how far apart the capture times are; at most 1 G
  uint64_t seed = 1;
  tape::TapeOptions tape = {};  // source_times is not looked at
};

inline constexpr uint32_t kTopicsMax = 1'000'000;

// Writes the tape, whose directory must not exist. Options that cannot be are kUsage; a stop is kInterrupted. After an
// error a part of the tape may be left.
[[nodiscard]] core::Result<Report> write_fixed_tape(const std::filesystem::path& path, const FixedTapeOptions& options,
                                                    const core::StopFlag& stop);

}  // namespace tapedeck::synth
