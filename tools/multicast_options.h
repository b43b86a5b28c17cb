// The options by which commands set what multicast lines are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "engine/transport/multicast.h"

namespace tapedeck::tools {

struct MulticastArguments {
  std::string rate, recovery, buffer;
  unsigned mtu = 0;
  unsigned message = 0;
  unsigned hops = 1;
};

void add_multicast_options(CLI::App& command, MulticastArguments& arguments);
[[nodiscard]] core::Result<transport::MulticastOptions> parse_multicast(const MulticastArguments& arguments);

}  // namespace tapedeck::tools
