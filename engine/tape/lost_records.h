// What a tape has lost of its records: those that its sequences or its manifest tell of, and that no index lists. Who
// rewrites what tells of them (recover the manifest, convert the sequences) keeps them in the ledger. One thread.
#pragma once

#include <vector>

#include "engine/tape/tape_reader.h"

namespace tapedeck::tape {

// One for each stretch of records that is missing in a lane, in the order of lanes and sequences; without those that
// the ledger has already. At the end of a lane nothing but the manifest of a sealed tape tells of them.
[[nodiscard]] std::vector<Loss> find_lost_records(const TapeReader& tape);

// Of a lane's losses of cause kLostRecords, the parts whose records are not in its indexes, for segments may be found
// again: ascending, each record in one of them at most. Costs no more than sorting losses and blocks.
[[nodiscard]] std::vector<Loss> still_missing(std::vector<Loss> losses, const std::vector<Segment>& segments);

}  // namespace tapedeck::tape
