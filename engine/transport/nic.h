// Network interfaces as endpoints name them. We look them up ourselves: OpenPGM's way fails inside of a namespace.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/status.h"
#include "engine/topology/topology.h"

namespace tapedeck::transport {

// By its name or one of its addresses. Fails (kUsage) with those that there are.
[[nodiscard]] core::Result<topology::Nic> find_nic(std::string_view name_or_address);

// The IPv4 address of an interface that was found by `name_or_address`: that address, or its first. Fails (kUsage)
// where it has none.
[[nodiscard]] core::Result<std::string> ipv4_of(const topology::Nic& nic, std::string_view name_or_address);

}  // namespace tapedeck::transport
