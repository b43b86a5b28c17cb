#include "engine/blackbox/topic_index.h"

#include <bit>
#include <limits>

namespace tapedeck::blackbox {

TopicIndex::TopicIndex(const std::vector<std::string>& names)
    : names_(names), table_(std::bit_ceil(2 * names.size() + 1)) {}

void TopicIndex::add(core::TopicId id, core::Lane lane) {
  const std::string& name = names_[id.value];
  if (name.empty() || name.size() > std::numeric_limits<uint16_t>::max()) return;
  const std::string readable = name + std::string(sizeof(NameFront), '\0');
  const NameFront front = front_of(std::string_view(readable).substr(0, name.size()));
  IndexedTopic& place = table_[place_of(name, front)];
  if (place.name_size != 0) return;
  place = {.front = front, .id = id, .lane = lane, .name_size = static_cast<uint16_t>(name.size())};
}

}  // namespace tapedeck::blackbox
