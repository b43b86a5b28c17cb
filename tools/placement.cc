#include "tools/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/topology/discover.h"
#include "engine/topology/plan_file.h"

namespace tapedeck::tools {

core::Result<PlannedCount> parse_planned_count(const std::string& text, const char* option) {
  if (text.empty()) return PlannedCount{};
  if (text == "auto") return PlannedCount{.is_auto = true, .number = {}};
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return core::fail_with(core::ExitCode::kUsage, "{} takes a whole number or auto, not '{}'", option, text);
  }
  return PlannedCount{.is_auto = false, .number = number};
}

void add_plan_option(CLI::App& command, std::string& plan) {
  command.add_option("--plan", plan,
                     "Pin threads to cores: auto, or a plan file that fixes any part by hand (see `tapedeck plan`)");
}

core::Result<std::optional<topology::Plan>> make_placement(const std::string& plan, topology::Role role,
                                                           const PlannedCount& shards, const PlannedCount& workers) {
  if (plan.empty()) {
    if (!shards.is_auto && !workers.is_auto) return std::nullopt;
    return core::fail_with(core::ExitCode::kUsage, "a number that is auto comes from a plan: add --plan auto");
  }
  TD_ASSIGN(const topology::Topology machine, topology::discover_this_machine());
  topology::PlanRequest request;
  request.role = role;
  if (plan != "auto") {
    TD_ASSIGN(request, topology::read_plan_file(plan));
  }
  if (role == topology::Role::kCapture) request.role = role;
  if (shards.number) request.shards = shards.number;
  if (workers.number) request.workers = workers.number;
  TD_ASSIGN(topology::Plan made, topology::make_plan(machine, request));
  for (const std::string& warning : made.warnings) fmt::print(stderr, "plan: {}\n", warning);
  return made;
}

unsigned workers_of(const PlannedCount& asked, const std::optional<topology::Plan>& plan) {
  const auto planned = static_cast<unsigned>(plan ? plan->workers.size() : 0);
  return asked.number.value_or(std::max(1u, planned));
}

void NoticeTeller::tell(const std::vector<std::string>& notices) {
  for (; told_ < notices.size(); ++told_) fmt::print(stderr, "{}\n", notices[told_]);
}

}  // namespace tapedeck::tools
