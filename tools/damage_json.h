// A damaged part of a tape as one JSON object, the same in every command.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/tape/damage_report.h"

namespace tapedeck::tools {

[[nodiscard]] nlohmann::ordered_json damage_json(const tape::DamageReport& damage);

}  // namespace tapedeck::tools
