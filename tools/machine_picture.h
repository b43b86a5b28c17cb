// Draws a machine and who runs on it: a box of text for each package, a line for each cache, a cell for each core.
#pragma once

#include <string>

#include "engine/topology/plan.h"

namespace tapedeck::tools {

[[nodiscard]] std::string draw(const topology::Topology& machine, const topology::Plan& plan);

}  // namespace tapedeck::tools
