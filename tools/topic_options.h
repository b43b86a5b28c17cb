// The options by which commands choose topics.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/core/name_choice.h"

namespace tapedeck::tools {

inline void add_topic_options(CLI::App& command, core::NameChoiceOptions& topics) {
  command.add_option("--topics", topics.names, "Only these topics (exact names, separated by commas)")->delimiter(',');
  command.add_option("-e,--regex", topics.regex, "Topics whose name has a match of this regular expression");
  command.add_option("-x,--exclude", topics.exclude, "Without topics whose name has a match of this one");
}

}  // namespace tapedeck::tools
