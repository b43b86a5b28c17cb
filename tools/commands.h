// The subcommands of the program `tapedeck`, one file each. Each function here adds one to the program; when the user
// asked for it, its callback runs and sets `exit`. Commands print results to standard output, everything else to
// standard error, and report errors through `report`.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/core/status.h"

namespace tapedeck::tools {

void add_capture(CLI::App& program, core::ExitCode& exit);
void add_cat(CLI::App& program, core::ExitCode& exit);
void add_clone(CLI::App& program, core::ExitCode& exit);
void add_convert(CLI::App& program, core::ExitCode& exit);
void add_info(CLI::App& program, core::ExitCode& exit);
void add_nics(CLI::App& program, core::ExitCode& exit);
void add_pgm_line(CLI::App& program, core::ExitCode& exit);
void add_plan(CLI::App& program, core::ExitCode& exit);
void add_recover(CLI::App& program, core::ExitCode& exit);
void add_replay(CLI::App& program, core::ExitCode& exit);
void add_subscribe(CLI::App& program, core::ExitCode& exit);
void add_synth(CLI::App& program, core::ExitCode& exit);
void add_verify(CLI::App& program, core::ExitCode& exit);

// Prints "tapedeck: MESSAGE" to standard error and gives the error's exit code.
core::ExitCode report(const core::Error& error);

}  // namespace tapedeck::tools
