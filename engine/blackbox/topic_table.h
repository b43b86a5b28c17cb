// Topic names by id, as the replay's dictionary told them. One thread sets them once, before any frame reaches a worker;
// from then on it is read only, from every thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/types.h"

namespace tapedeck::blackbox {

class TopicTable {
 public:
  // Empty for an id without a name.
  [[nodiscard]] std::string_view name(core::TopicId topic) const {
    return topic.value < names_.size() ? std::string_view(names_[topic.value]) : std::string_view();
  }
  [[nodiscard]] size_t size() const { return names_.size(); }

 private:
  friend class Subscriber;
  std::vector<std::string> names_;
};

}  // namespace tapedeck::blackbox
