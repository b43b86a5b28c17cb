#include "engine/topology/control_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace tapedeck::topology {
namespace {

namespace fs = std::filesystem;

// v2 has "QUOTA PERIOD" in one file, v1 two files; "max" or a quota of -1 is none.
std::optional<double> quota_of(const fs::path& group) {
  double quota_us = 0;
  double period_us = 0;
  std::ifstream both(group / "cpu.max");
  if (!(both >> quota_us >> period_us)) {
    std::ifstream quota(group / "cpu.cfs_quota_us");
    std::ifstream period(group / "cpu.cfs_period_us");
    if (!(quota >> quota_us) || !(period >> period_us)) return std::nullopt;
  }
  if (quota_us <= 0 || period_us <= 0) return std::nullopt;
  return quota_us / period_us;
}

// Within a container the group's path may be the host's, of which only the end of the way up, the mount, is there.
std::optional<double> least_quota(const fs::path& mount, fs::path group) {
  std::optional<double> least;
  for (;; group = group.parent_path()) {
    if (const auto quota = quota_of(mount / group)) least = std::min(*quota, least.value_or(*quota));
    if (group.empty()) return least;
  }
}

}  // namespace

std::optional<double> read_cpu_quota(const fs::path& memberships, const fs::path& mount) {
  std::ifstream lines(memberships);
  std::optional<double> least;
  for (std::string line; std::getline(lines, line);) {  // "NUMBER:CONTROLLERS:/PATH"; v2 has no controllers there
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool v1 = controllers.find(",cpu,") != std::string::npos;
    if (!v1 && controllers != ",,") continue;
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    if (const auto quota = least_quota(v1 ? mount / "cpu" : mount, group)) {
      least = std::min(*quota, least.value_or(*quota));
    }
  }
  return least;
}

}  // namespace tapedeck::topology
