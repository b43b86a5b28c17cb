// Where the threads of a command run: by a plan for this machine that is made before the first of them starts, or
// wherever the system puts them.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/topology/plan.h"

namespace tapedeck::tools {

// A count that the plan may choose: "auto", a number, or nothing said.
struct PlannedCount {
  bool is_auto = false;
  std::optional<unsigned> number;
};
[[nodiscard]] core::Result<PlannedCount> parse_planned_count(const std::string& text, const char* option);

// `--plan auto` or `--plan FILE`.
void add_plan_option(CLI::App& command, std::string& plan);

// The plan, with its warnings told on standard error. `role` is that of a command whose plan is "auto"; a plan file
// says its own, except to a capture, which takes its part of any. `plan` empty: none.
[[nodiscard]] core::Result<std::optional<topology::Plan>> make_placement(const std::string& plan, topology::Role role,
                                                                         const PlannedCount& shards,
                                                                         const PlannedCount& workers);

// As many workers as were asked for, or else as the plan has; one where neither says any.
[[nodiscard]] unsigned workers_of(const PlannedCount& asked, const std::optional<topology::Plan>& plan);

// Tells sentences on standard error, each once, when they have come.
class NoticeTeller {
 public:
  // Whether there is something new in `notices`, of which those before were told already.
  [[nodiscard]] bool has_new(const std::vector<std::string>& notices) const { return notices.size() > told_; }
  void tell(const std::vector<std::string>& notices);

 private:
  size_t told_ = 0;
};

}  // namespace tapedeck::tools
