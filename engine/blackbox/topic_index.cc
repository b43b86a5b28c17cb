#include "engine/blackbox/topic_index.h"

#include <string>

namespace tapedeck::blackbox {

void add_topic(TopicIndex& index, std::string_view name, core::TopicId id, core::Lane lane) {
  const std::string readable = std::string(name) + std::string(TopicName::kReadable, '\0');
  const TopicName key = TopicName(std::string_view(readable).substr(0, name.size())).at(name);
  if (!name.empty() && index.find(key) == nullptr) index.insert(key, {.id = id, .lane = lane});
}

}  // namespace tapedeck::blackbox
