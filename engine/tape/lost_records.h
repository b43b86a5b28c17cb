// What a tape has lost of its records: those that its sequences or its manifest tell of, and that no index lists. Who
// rewrites what tells of them (recover the manifest, convert the sequences) keeps them in the ledger. One thread.
#pragma once

#include <vector>

#include "engine/tape/tape_reader.h"

namespace tapedeck::tape {

// One for each stretch of records that is missing in a lane, in the order of lanes and sequences; without those that
// the ledger has already. At the end of a lane nothing but the manifest of a sealed tape tells of them.
[[nodiscard]] std::vector<Loss> find_lost_records(const TapeReader& tape);

// The parts of a loss of cause kLostRecords whose records are not in the lane's indexes; segments may be found again.
[[nodiscard]] std::vector<Loss> still_missing(const Loss& loss, const std::vector<Segment>& segments);

}  // namespace tapedeck::tape
