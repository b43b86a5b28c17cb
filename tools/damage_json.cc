#include "tools/damage_json.h"

#include <nlohmann/json.hpp>

namespace tapedeck::tools {

nlohmann::ordered_json damage_json(const tape::DamageReport& damage) {
  return {{"file", damage.file.string()},
          {"offset", damage.offset},
          {"size", damage.size},
          {"records_lost", damage.records_lost},
          {"what", damage.what}};
}

}  // namespace tapedeck::tools
