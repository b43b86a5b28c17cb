// A choice of names, as users make it of topics: those that are listed, those that have a match of a regular
// expression, without those that have a match of another.
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "engine/core/status.h"

namespace tapedeck::core {

struct NameChoiceOptions {
  std::vector<std::string> names{};  // exact; with neither names nor a regular expression all are chosen
  std::string regex{};               // ECMAScript; names that contain a match; with `names`, either will do
  std::string exclude{};             // names that contain a match are left out

  [[nodiscard]] bool is_all() const { return names.empty() && regex.empty() && exclude.empty(); }
};

class NameChoice {
 public:
  // Fails (kUsage) on expressions that are none.
  [[nodiscard]] static Result<NameChoice> make(const NameChoiceOptions& options);

  [[nodiscard]] bool has(const std::string& name) const;

 private:
  NameChoiceOptions options_;
  std::regex wanted_;
  std::regex unwanted_;
};

}  // namespace tapedeck::core
