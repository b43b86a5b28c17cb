#include "engine/core/name_choice.h"

#include <algorithm>

namespace tapedeck::core {
namespace {

Result<std::regex> compile(const std::string& expression) {
  try {
    return std::regex(expression, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return fail_with(ExitCode::kUsage, "bad regular expression '{}': {}", expression, error.what());
  }
}

}  // namespace

Result<NameChoice> NameChoice::make(const NameChoiceOptions& options) {
  NameChoice choice;
  choice.options_ = options;
  TD_ASSIGN(choice.wanted_, compile(options.regex));
  TD_ASSIGN(choice.unwanted_, compile(options.exclude));
  return choice;
}

bool NameChoice::has(const std::string& name) const {
  if (!options_.exclude.empty() && std::regex_search(name, unwanted_)) return false;
  if (options_.names.empty() && options_.regex.empty()) return true;
  return std::ranges::find(options_.names, name) != options_.names.end() ||
         (!options_.regex.empty() && std::regex_search(name, wanted_));
}

}  // namespace tapedeck::core
