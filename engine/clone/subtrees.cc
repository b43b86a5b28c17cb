#include "engine/clone/subtrees.h"

#include <fmt/format.h>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {

constexpr size_t kSubtreesMax = 10'000;

void Subtrees::add(std::string_view topic, uint64_t sequence) {
  if (!topic.empty() && is_subtree(topic) && last_.size() < kSubtreesMax) last_.emplace(topic, sequence);
}

void Subtrees::remove(std::string_view topic) {
  const auto found = last_.find(topic);
  if (found != last_.end()) last_.erase(found);
}

std::string Subtrees::note(std::string_view key, uint64_t sequence) {
  std::string properties;
  if (last_.empty()) return properties;
  for (size_t slash = key.find('/', 1); slash != std::string_view::npos; slash = key.find('/', slash + 1)) {
    const auto found = last_.find(key.substr(0, slash + 1));
    if (found == last_.end()) continue;
    properties += fmt::format("{}={}\n", previous_property(slash + 1), found->second);
    found->second = sequence;
  }
  return properties;
}

}  // namespace tapedeck::clone
