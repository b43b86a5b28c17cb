// What a request for a plan must hold to before anything is planned.
#pragma once

#include "engine/topology/plan.h"

namespace tapedeck::topology {

// Fails (kUsage) with a sentence that says what cannot be, and what to do.
[[nodiscard]] core::Status check_request(const Topology& topology, const PlanRequest& request);

}  // namespace tapedeck::topology
