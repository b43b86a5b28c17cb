// The network interfaces of this machine, from sysfs, getifaddrs and ethtool's ioctl. What the system does not tell of
// one (the speed of a virtual one, its node) is left out; nothing here needs a permission.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/core/status.h"
#include "engine/topology/topology.h"

namespace tapedeck::topology {

// In the order in which the system made them.
[[nodiscard]] core::Result<std::vector<Nic>> read_nics(const std::filesystem::path& sysfs = "/sys/class/net");

}  // namespace tapedeck::topology
