#include "engine/tape/damage_report.h"

#include <fmt/format.h>

namespace tapedeck::tape {

std::string to_sentence(const DamageReport& damage) {
  std::string text = fmt::format("{}: ", damage.file.string());
  if (damage.size > 0) text += fmt::format("{} bytes at offset {}: ", damage.size, damage.offset);
  text += damage.what;
  if (damage.records_lost > 0) text += fmt::format(" ({} records lost)", damage.records_lost);
  return text;
}

}  // namespace tapedeck::tape
