// Says of a finished plan, loudly, where a rule had to give way.
#pragma once

#include <string>
#include <vector>

#include "engine/topology/occupancy.h"
#include "engine/topology/plan.h"

namespace tapedeck::topology {

// `occupancy` holds all threads of the plan.
[[nodiscard]] std::vector<std::string> warnings_of(const Plan& plan, const Topology& topology,
                                                   const Occupancy& occupancy);

}  // namespace tapedeck::topology
