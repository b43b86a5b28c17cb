// `tapedeck clone`: the shared key-value cache on the command line. `serve` is the server; the others are clients that
// join, do one thing and go.
#include "tools/clone_commands.h"
#include "tools/commands.h"

namespace tapedeck::tools {

void add_collector_option(CLI::App& command, std::string& name, const std::string& what) {
  command.add_option("--collector", name, what)->check(CLI::IsMember({"sub", "pull"}))->capture_default_str();
}

clone::Collector collector_of(const std::string& name) {
  return name == "pull" ? clone::Collector::kPull : clone::Collector::kSub;
}

void add_clone(CLI::App& program, core::ExitCode& exit) {
  CLI::App* clone = program.add_subcommand("clone", "A key-value cache that many share: a server and its clients");
  clone->require_subcommand(1);
  clone->footer("How server and clients talk: docs/clone-protocol.md");
  add_clone_serve(*clone, exit);
  add_clone_clients(*clone, exit);
}

}  // namespace tapedeck::tools
