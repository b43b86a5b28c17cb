// Finds out what a machine is made of, by hwloc. The results are plain data; nothing of hwloc stays open. Cold: this
// machine takes some milliseconds.
#pragma once

#include <optional>
#include <string>

#include "engine/core/status.h"
#include "engine/topology/topology.h"

namespace tapedeck::topology {

// This machine, as the calling thread sees it: what its control group and its affinity forbid is forbidden.
[[nodiscard]] core::Result<Topology> discover_this_machine();

// A machine that is described: by a file of hwloc's XML (`lstopo FILE.xml`) if there is a file of that name, otherwise
// by hwloc's synthetic description ("package:2 numa:1 core:8 pu:2"). `nics`: how many it is given, nic0 and so on, of
// which number i hangs on node i modulo nodes; none: those of the XML file. Errors are kUsage.
[[nodiscard]] core::Result<Topology> describe_machine(const std::string& file_or_synthetic,
                                                      std::optional<unsigned> nics);

}  // namespace tapedeck::topology
