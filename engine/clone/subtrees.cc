#include "engine/clone/subtrees.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {
namespace {

constexpr size_t kSubtreesMax = 10'000;
constexpr size_t kSummaryBytesMax = 16 * 1024;

}  // namespace

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

// Where they do not fit, the latest do: who was up to date a heartbeat ago finds its own, or that it has not changed.
std::string Subtrees::summary() const {
  if (last_.size() >= kSubtreesMax) return {};  // some may not be known
  std::vector<const Last::value_type*> latest;
  latest.reserve(last_.size());
  for (const auto& subtree : last_) latest.push_back(&subtree);
  std::ranges::sort(latest, std::greater<>(), [](const auto* subtree) { return subtree->second; });
  std::string properties;
  for (const auto* subtree : latest) {
    const std::string line = fmt::format("{}={}\n", last_property(subtree->first), subtree->second);
    if (properties.size() + line.size() > kSummaryBytesMax) {
      return properties + fmt::format("{}={}\n", kSince, subtree->second);
    }
    properties += line;
  }
  return properties + fmt::format("{}=0\n", kSince);
}

}  // namespace tapedeck::clone
