// The CPU time that this process's control groups give it (cgroup v1 and v2). Which CPUs they allow is seen in the
// affinity of every thread, and needs no look here.
#pragma once

#include <filesystem>
#include <optional>

namespace tapedeck::topology {

// In CPUs, such as 2.5: the least of the process's group and those above it. None: unlimited.
[[nodiscard]] std::optional<double> read_cpu_quota(const std::filesystem::path& memberships = "/proc/self/cgroup",
                                                   const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace tapedeck::topology
