// Keys and values of the Clone in JSON lines, as `dump` writes them and `load` reads them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/core/status.h"

namespace tapedeck::tools {

// A field as text, or with "_hex" behind its name where its bytes are none.
void put_bytes(nlohmann::ordered_json& json, const std::string& name, std::string_view bytes);
// What that has put; fails with a sentence where there is no such field.
[[nodiscard]] core::Result<std::string> take_bytes(const nlohmann::ordered_json& json, const std::string& name);

}  // namespace tapedeck::tools
