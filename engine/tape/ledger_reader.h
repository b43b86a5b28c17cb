// Reads ledger.seg, the loss ledger of a tape. For one thread.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/tape/damage_report.h"
#include "engine/tape/ledger.h"

namespace tapedeck::tape {

// The ledger's entries that can be read; damage is appended to `damage`. An absent ledger has none. `tape` 0 accepts
// the ledger of any tape. Fails if the file cannot be read or is of another version.
[[nodiscard]] core::Result<std::vector<Loss>> read_ledger(const std::filesystem::path& tape_path, TapeId tape,
                                                          std::vector<DamageReport>& damage);

}  // namespace tapedeck::tape
