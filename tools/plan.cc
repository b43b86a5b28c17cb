// `tapedeck plan`: which thread of a replay, of a Black Box and of a capture runs where, on this machine or on any
// other.
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/topology/discover.h"
#include "engine/topology/plan_file.h"
#include "tools/commands.h"
#include "tools/machine_picture.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct PlanOptions {
  std::string topology;
  std::string file;
  std::string role;
  std::string shards;
  std::string workers;
  std::optional<unsigned> nics;
  bool json = false;
  bool toml = false;
};

constexpr std::pair<const char*, topology::Role> kPlanRoles[] = {{"publisher", topology::Role::kPublisher},
                                                                 {"subscriber", topology::Role::kSubscriber},
                                                                 {"both", topology::Role::kBoth},
                                                                 {"capture", topology::Role::kCapture}};

// An empty text leaves `out` to the plan file.
core::Status read_count(const std::string& text, const char* option, std::optional<unsigned>& out) {
  if (text.empty()) return {};
  out.reset();
  if (text == "auto") return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.emplace());
  if (error == std::errc() && end == text.data() + text.size()) return {};
  return core::fail_with(core::ExitCode::kUsage, "{} takes a whole number or auto, not \"{}\"", option, text);
}

core::Result<topology::Topology> find_machine(const PlanOptions& options) {
  return options.topology.empty() ? topology::discover_this_machine()
                                  : topology::describe_machine(options.topology, options.nics);
}

// On this machine --nics takes the first of those that are there; on a described one it has made them.
core::Status choose_nics(const topology::Topology& machine, unsigned count, topology::PlanRequest& request) {
  const auto nics = topology::usable_nics(machine);
  if (count > nics.size()) {
    return core::fail_with(core::ExitCode::kUsage, "{} has {} usable NICs, not {}: see `tapedeck nics`", machine.name,
                           nics.size(), count);
  }
  request.nics.clear();
  for (unsigned i = 0; i < count; ++i) request.nics.push_back(nics[i]->name);
  return {};
}

core::Result<topology::PlanRequest> make_request(const PlanOptions& options, const topology::Topology& machine) {
  topology::PlanRequest request;
  if (!options.file.empty()) {
    TD_ASSIGN(request, topology::read_plan_file(options.file));
  }
  for (const auto& [name, role] : kPlanRoles) {
    if (options.role == name) request.role = role;
  }
  TD_TRY(read_count(options.shards, "--shards", request.shards));
  TD_TRY(read_count(options.workers, "--workers", request.workers));
  if (machine.is_this_machine && options.nics) TD_TRY(choose_nics(machine, *options.nics, request));
  return request;
}

Json to_json(const topology::Plan& plan, const topology::Topology& machine) {
  const topology::MachineShape shape = topology::shape_of(machine);
  Json json = {{"machine",
                {{"name", machine.name},
                 {"packages", shape.packages},
                 {"nodes", shape.nodes},
                 {"cores", shape.cores},
                 {"cpus", shape.cpus}}},
               {"nics", Json::array()},
               {"threads", Json::array()},
               {"oversubscribed", plan.oversubscribed},
               {"system_core", plan.system_core ? Json(*plan.system_core) : Json(nullptr)},
               {"warnings", plan.warnings}};
  for (const topology::Nic* nic : topology::usable_nics(machine)) {
    json["nics"].push_back({{"name", nic->name}, {"node", nic->node ? Json(*nic->node) : Json(nullptr)}});
  }
  for (const topology::PlannedThread& thread : topology::threads_of(plan)) {
    json["threads"].push_back({{"name", thread.place->name},
                               {"role", thread.role},
                               {"shard", thread.shard ? Json(*thread.shard) : Json(nullptr)},
                               {"core", *machine.find_cpu(*thread.place->cpu)->core},
                               {"pu", *thread.place->cpu},
                               {"node", *thread.place->node},
                               {"nic", thread.nic.empty() ? Json(nullptr) : Json(thread.nic)}});
  }
  return json;
}

void print_for_people(const topology::Plan& plan, const topology::Topology& machine) {
  const topology::MachineShape shape = topology::shape_of(machine);
  fmt::print("{}: packages {}, NUMA nodes {}, cores {}, CPUs {}, NICs {}\n", machine.name, shape.packages, shape.nodes,
             shape.cores, shape.cpus, topology::usable_nics(machine).size());
  fmt::print("publishers {}, subscribers {}, workers {}, captures {}{}\n\n", plan.publishers.size(),
             plan.subscribers.size(), plan.workers.size(), plan.captures.size(),
             plan.system_core ? fmt::format("; core {} is left to the system", *plan.system_core) : "");
  fmt::print("{:<12}{:>6}{:>6}{:>6}  {:<12}{}\n", "THREAD", "CPU", "CORE", "NODE", "WHAT", "NIC");
  for (const topology::PlannedThread& thread : topology::threads_of(plan)) {
    fmt::print("{:<12}{:>6}{:>6}{:>6}  {:<12}{}\n", thread.place->name, *thread.place->cpu,
               *machine.find_cpu(*thread.place->cpu)->core, *thread.place->node, thread.role,
               thread.nic.empty() ? "-" : thread.nic);
  }
  fmt::print("\n{}", draw(machine, plan));
}

core::Status run(const PlanOptions& options) {
  TD_ASSIGN(const topology::Topology machine, find_machine(options));
  TD_ASSIGN(const topology::PlanRequest request, make_request(options, machine));
  TD_ASSIGN(const topology::Plan plan, topology::make_plan(machine, request));
  if (options.json) {
    fmt::print("{}\n", to_json(plan, machine).dump(2, ' ', false, Json::error_handler_t::replace));
  } else if (options.toml) {
    fmt::print("{}\n", topology::format_plan_file(plan, request, machine));
  } else {
    print_for_people(plan, machine);
  }
  for (const std::string& warning : plan.warnings) fmt::print(stderr, "warning: {}\n", warning);
  return {};
}

}  // namespace

void add_plan(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command = program.add_subcommand("plan", "Says which thread is to run on which core, on any machine");
  command->add_option("--topology", options->topology,
                      "The machine: a file of lstopo's XML, or a synthetic description such as \"package:2 numa:1 "
                      "core:8 pu:2\" (default: this machine)");
  command->add_option("--nics", options->nics,
                      "Of a described machine: give it so many, number i on node i modulo nodes; of this one: use the "
                      "first so many");
  command->add_option("--role", options->role, "publisher, subscriber, both (default) or capture")
      ->check(CLI::IsMember({"publisher", "subscriber", "both", "capture"}));
  command->add_option("--shards", options->shards, "A number, or auto: one for each NIC where cores suffice");
  command->add_option("--workers", options->workers,
                      "A number, or auto: one on each core that remains, or on each if each has a shard");
  command->add_option("--plan", options->file, "A plan file (TOML) that fixes parts by hand; options outweigh it");
  CLI::Option* json = command->add_flag("--json", options->json, "Print one JSON object");
  command->add_flag("--toml", options->toml, "Print a plan file that fixes all of it")->excludes(json);
  command->callback([options, &exit] {
    const auto done = run(*options);
    exit = done ? core::ExitCode::kOk : report(done.error());
  });
}

}  // namespace tapedeck::tools
