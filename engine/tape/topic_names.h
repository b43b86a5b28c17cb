// The topics of a tape that is being written: their names, and how often each was renamed. One thread adds and renames,
// and reads without a lock; any other reads with `copy`. Ids count from 0 and are never given back.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tape/segment_index.h"

namespace tapedeck::tape {

class TopicNames {
 public:
  // For the thread that writes; names are cut to kTopicNameBytesMax bytes.
  TopicId add(std::string_view name) {
    const std::lock_guard lock(mutex_);
    names_.push_back({std::string(name.substr(0, kTopicNameBytesMax)), 0});
    return TopicId(static_cast<uint32_t>(names_.size() - 1));
  }
  void rename(TopicId topic, std::string_view name) {
    const std::lock_guard lock(mutex_);
    names_[topic.value].name = name.substr(0, kTopicNameBytesMax);
    ++names_[topic.value].version;
  }
  [[nodiscard]] size_t size() const { return names_.size(); }
  [[nodiscard]] std::string_view name(TopicId topic) const { return names_[topic.value].name; }

  // For any thread: calls `take(id, version)` for each of `ids`, in order, and gives the names of those that it wants.
  template <class Ids, class Take>
  [[nodiscard]] std::vector<TopicName> copy(const Ids& ids, const Take& take) const {
    std::vector<TopicName> copies;
    const std::lock_guard lock(mutex_);
    for (const TopicId topic : ids) {
      const Entry& entry = names_[topic.value];
      if (take(topic, entry.version)) copies.push_back({topic, entry.version, entry.name});
    }
    return copies;
  }

 private:
  struct Entry {
    std::string name;
    uint32_t version = 0;
  };

  mutable std::mutex mutex_;  // guards names_ against copy()
  std::vector<Entry> names_;
};

}  // namespace tapedeck::tape
