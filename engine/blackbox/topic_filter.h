// For handlers that want some topics only: a choice of names as a table by topic id, so that passing a record over
// costs one look-up. One for each handler; one thread.
#pragma once

#include <vector>

#include "engine/blackbox/black_box.h"
#include "engine/core/name_choice.h"

namespace tapedeck::blackbox {

class TopicFilter {
 public:
  explicit TopicFilter(core::NameChoice choice) : choice_(std::move(choice)) {}

  // Call it with each block, before wants() is asked of its records.
  void learn(const TopicTable& topics) {
    if (!wanted_.empty() || !topics.is_set()) return;
    wanted_.resize(topics.size());
    for (uint32_t id = 0; id < wanted_.size(); ++id) {
      wanted_[id] = choice_.has(std::string(topics.name(core::TopicId(id))));
    }
  }
  // Topics that have no name are not wanted.
  [[nodiscard]] bool wants(core::TopicId topic) const { return topic.value < wanted_.size() && wanted_[topic.value]; }

 private:
  core::NameChoice choice_;
  std::vector<bool> wanted_;  // by id
};

}  // namespace tapedeck::blackbox
