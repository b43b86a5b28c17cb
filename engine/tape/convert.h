// Writes a tape again with another codec or blocks of another size: the same records in the same lanes and order of
// arrival, the same topics, sources and losses. It is another tape: it has an id and a date of its own. One thread;
// memory as a TapeWriter needs it, whatever the size of the tape.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.h"
#include "engine/core/stop.h"
#include "engine/tape/tape_reader.h"
#include "engine/tape/tape_writer.h"

namespace tapedeck::tape {

struct ConvertOptions {
  std::optional<Codec> codec = std::nullopt;  // by default the one that the manifest names
  uint32_t block_bytes = TapeOptions{}.block_bytes;
};

// A conversion reads all records of the tape, and then once more those that it has written.
struct ConvertProgress {
  bool reads_back = false;
  uint64_t records = 0;  // read so far, or read back
  uint64_t records_total = 0;
};
// Called at the start of either, and about ten times a second.
using ConvertListener = std::function<void(const ConvertProgress&)>;

struct Conversion {
  Manifest manifest;                 // of the new tape
  std::string digest;                // of the records that were read
  std::string digest_read_back;      // of the new tape, read back from its files; the same, or convert has failed
  std::vector<DamageReport> damage;  // of the tape that was read; the new one lacks what was in it
};

// Writes the records of `tape` to a new tape at `path`. What is damaged or missing is left out, reported, and
// entered in the new tape's ledger. Fails where the new
// tape cannot be written or reads back as something else, and with kInterrupted when asked to stop; what stands at
// `path` is then of no use.
[[nodiscard]] core::Result<Conversion> convert(const TapeReader& tape, const std::filesystem::path& path,
                                               const ConvertOptions& options, const core::StopFlag& stop,
                                               const ConvertListener& listener = {},
                                               const core::Clock& clock = core::system_clock());

}  // namespace tapedeck::tape
