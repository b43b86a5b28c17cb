// The two sides of `tapedeck clone`: each function adds its subcommands to that command.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/clone/server.h"
#include "engine/core/status.h"

namespace tapedeck::tools {

void add_clone_serve(CLI::App& clone, core::ExitCode& exit);
void add_clone_clients(CLI::App& clone, core::ExitCode& exit);

// --collector sub|pull, which both sides have; `name` must outlive the parsing.
void add_collector_option(CLI::App& command, std::string& name, const std::string& what);
[[nodiscard]] clone::Collector collector_of(const std::string& name);

}  // namespace tapedeck::tools
