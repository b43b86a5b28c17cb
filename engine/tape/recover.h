// Makes a tape whole again whose recorder was killed, or whose manifest, indexes or footers are damaged or missing: all
// blocks that were written whole are on it afterwards. Nothing that may be a part of a block is taken away, except for
// the torn end of a tape that was never sealed, or whose manifest is lost, so that nobody knows. Records that are gone,
// with a whole segment, say, go to the ledger before the manifest counts what is there, so that the tape tells of them
// for ever. All is on the disk before the manifest says that the tape is sealed. Verifies the result. Killed in the
// midst of it, it can be called again; a sound tape is not touched. One thread; memory for the index of the tape and
// one frame.
#pragma once

#include <functional>

#include "engine/tape/verify.h"

namespace tapedeck::tape {

// A change to one file.
struct Repair {
  std::filesystem::path file;  // relative to the tape
  std::string what;            // "writing its index and footer again"
};

struct Recovery {
  std::vector<Repair> repairs;
  // What had been written and was damaged or missing, restored or not. What a recorder that was killed had not finished
  // is not among it.
  std::vector<DamageReport> damage;
  Verification verification;  // of the tape as it is now; without damage of its own where all could be restored
};

// `listener` is called before each change. Holds the tape locked; fails if somebody records or replays it, if it cannot
// be written to, or if nothing tells which tape it is.
using RepairListener = std::function<void(const Repair&)>;
[[nodiscard]] core::Result<Recovery> recover(const std::filesystem::path& path, const RepairListener& listener = {});

}  // namespace tapedeck::tape
