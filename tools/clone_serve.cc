// `tapedeck clone serve`: the server, until it is interrupted; then it says what it did.
#include <fmt/format.h>
#include <sys/resource.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/clone/server.h"
#include "engine/core/parse.h"
#include "tools/clone_commands.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;
using core::ExitCode;

struct ServeOptions {
  clone::ServerOptions server;
  std::string collector = "sub";
  std::string hold = "50ms";
  std::string keys_max = "10M";
  std::string value_max = "1MiB";
  bool json = false;
};

// Each client takes two file handles while it joins.
void allow_all_handles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Json to_json(const clone::ServerCounters& counters, const clone::Store& store) {
  Json malformed = Json::object();
  for (size_t i = 1; i < clone::kFaults; ++i) {
    malformed[std::string(clone::fault_name(static_cast<clone::Fault>(i)))] = counters.faults[i];
  }
  const clone::SnapshotCounters& snapshots = counters.snapshots;
  return {{"sequence", store.sequence()},
          {"keys", store.table().size()},
          {"updates", counters.updates},
          {"expired", counters.expired},
          {"repeated", counters.repeated},
          {"refused", counters.refused},
          {"malformed", malformed},
          {"snapshots",
           {{"requests", snapshots.requests},
            {"finished", snapshots.finished},
            {"malformed", snapshots.malformed},
            {"repeated", snapshots.repeated},
            {"refused", snapshots.refused},
            {"gone", snapshots.gone},
            {"stalled", snapshots.stalled}}}};
}

void print_for_people(const clone::ServerCounters& counters, const clone::Store& store) {
  uint64_t malformed = counters.snapshots.malformed;
  for (const uint64_t count : counters.faults) malformed += count;
  fmt::print("state     {} keys at sequence {}\n", core::format_count(store.table().size()), store.sequence());
  fmt::print("updates   {} applied, {} expired, {} repeated, {} refused\n", core::format_count(counters.updates),
             core::format_count(counters.expired), core::format_count(counters.repeated),
             core::format_count(counters.refused));
  fmt::print("snapshots {} of {} requests\n", core::format_count(counters.snapshots.finished),
             core::format_count(counters.snapshots.requests));
  fmt::print("dropped   {} malformed messages\n", core::format_count(malformed));
}

core::Result<ExitCode> serve(ServeOptions options) {
  const core::StopFlag& stop = core::stop_on_signals();
  allow_all_handles();
  options.server.collector = collector_of(options.collector);
  TD_ASSIGN(options.server.hold_ns, core::parse_duration_ns(options.hold));
  TD_ASSIGN(options.server.limits.keys_max, core::parse_count(options.keys_max));
  TD_ASSIGN(options.server.limits.value_bytes_max, core::parse_bytes(options.value_max));
  TD_ASSIGN(const auto server, clone::Server::bind(options.server));
  const int port = server->port();
  fmt::print(stderr, "serving on {}: snapshots at port {}, updates at {}, collector ({}) at {}\n", options.server.host,
             port, port + 1, options.collector, port + 2);
  server->run(stop);
  if (options.json) {
    fmt::print("{}\n", to_json(server->counters(), server->store()).dump());
  } else {
    print_for_people(server->counters(), server->store());
  }
  return ExitCode::kOk;
}

}  // namespace

void add_clone_serve(CLI::App& clone, ExitCode& exit) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = clone.add_subcommand("serve", "Holds the keys, and serves them until it is interrupted");
  command->add_option("--port", options->server.port,
                      "Of snapshots; updates leave by the next one and come in by the one after. 0: three free ones");
  command->add_option("--bind", options->server.host, "Address of an interface, or * for all")->capture_default_str();
  add_collector_option(*command, options->collector, "How updates come: sub (RFC 12) or pull (the Guide's model 3)");
  command->add_option("--max-keys", options->keys_max, "More are refused")->capture_default_str();
  command->add_option("--max-value", options->value_max, "Longer values are refused")->capture_default_str();
  command->add_option("--max-clients", options->server.limits.clients_max, "More that wait for a snapshot are refused")
      ->capture_default_str();
  command->add_option("--backlog", options->server.backlog, "Updates that wait for one client; then it has a hole")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--hold", options->hold, "Time between a request and its snapshot, for older clients")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object at the end");
  command->callback([options, &exit] {
    const auto result = serve(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
