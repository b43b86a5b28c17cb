#include "engine/transport/nic.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/topology/nics.h"

namespace tapedeck::transport {

using core::ExitCode;

core::Result<topology::Nic> find_nic(std::string_view name_or_address) {
  TD_ASSIGN(const std::vector<topology::Nic> nics, topology::read_nics());
  const auto is_it = [&](const topology::Nic& nic) {
    return nic.name == name_or_address || std::ranges::count(nic.addresses, name_or_address) > 0;
  };
  if (const auto found = std::ranges::find_if(nics, is_it); found != nics.end()) return *found;
  std::vector<std::string> names;
  names.reserve(nics.size());
  for (const topology::Nic& nic : nics) names.push_back(nic.name);
  return core::fail_with(ExitCode::kUsage,
                         "no network interface is called '{}' or has that address; there are {} (`tapedeck nics`)",
                         name_or_address, fmt::join(names, ", "));
}

core::Result<std::string> ipv4_of(const topology::Nic& nic, std::string_view name_or_address) {
  if (nic.name != name_or_address) return std::string(name_or_address);
  const auto is_ipv4 = [](const std::string& address) { return address.find(':') == std::string::npos; };
  if (const auto found = std::ranges::find_if(nic.addresses, is_ipv4); found != nic.addresses.end()) return *found;
  return core::fail_with(ExitCode::kUsage, "{} has no IPv4 address: give it one, or name another interface", nic.name);
}

}  // namespace tapedeck::transport
