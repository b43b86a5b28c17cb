// Plan files: TOML that fixes any part of a plan by hand (docs/operations.md, "Plan files"). What a file does not say
// is planned. Whoever takes a plan (`tapedeck plan`, replay, subscribe, capture) reads the file into a request, lets
// its own options have the last word, and calls make_plan.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/topology/plan.h"

namespace tapedeck::topology {

// Errors (kUsage) name `source`, the line, and what was expected there. Keys that nobody knows are errors.
[[nodiscard]] core::Result<PlanRequest> parse_plan(std::string_view toml, std::string_view source);
[[nodiscard]] core::Result<PlanRequest> read_plan_file(const std::filesystem::path& path);

// A file that fixes every part of `plan`: reading it and planning again gives the same plan.
[[nodiscard]] std::string format_plan_file(const Plan& plan, const PlanRequest& request, const Topology& topology);

}  // namespace tapedeck::topology
