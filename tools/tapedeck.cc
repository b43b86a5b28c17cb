// The program `tapedeck`: the commands and their exit codes. See docs/operations.md.
#include <fmt/format.h>

#include "tools/commands.h"

namespace tapedeck::tools {

core::ExitCode report(const core::Error& error) {
  fmt::print(stderr, "tapedeck: {}\n", error.message);
  return error.code;
}

}  // namespace tapedeck::tools

int main(int argc, char** argv) {
  using namespace tapedeck;
  CLI::App program{"Records market data feeds and replays them, exactly as they were or as fast as it goes."};
  program.name("tapedeck");
  program.require_subcommand(1);
  program.set_version_flag("--version", TAPEDECK_VERSION);
  program.footer(
      "Exit codes: 0 as asked, 1 failed, 2 usage, 3 data lost or damaged, 4 complete but late, 130 interrupted.\n"
      "`tapedeck COMMAND --help` explains a command.");

  auto exit = core::ExitCode::kOk;
  tools::add_capture(program, exit);
  tools::add_info(program, exit);
  tools::add_verify(program, exit);
  tools::add_convert(program, exit);
  tools::add_recover(program, exit);
  tools::add_cat(program, exit);
  tools::add_clone(program, exit);
  tools::add_replay(program, exit);
  tools::add_subscribe(program, exit);
  tools::add_synth(program, exit);
  tools::add_pgm_line(program, exit);
  tools::add_plan(program, exit);
  tools::add_nics(program, exit);

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : static_cast<int>(core::ExitCode::kUsage);
  }
  return static_cast<int>(exit);
}
