// What a request for a plan must hold to before anything is planned.
#pragma once

#include "engine/topology/plan.h"

namespace tapedeck::topology {

// How many shards of its role a request fixes by hand.
[[nodiscard]] size_t fixed_shards(const PlanRequest& request);

// Fails (kUsage) with a sentence that says what cannot be, and what to do.
[[nodiscard]] core::Status check_request(const Topology& topology, const PlanRequest& request);

}  // namespace tapedeck::topology
