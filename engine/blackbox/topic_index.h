// The topics of a plain wire by name, with the sequence that each expects next. One is looked up for every message, so
// names are told apart by their first 16 bytes, and only longer ones are compared behind them. One thread.
#pragma once

#include <cstring>
#include <functional>
#include <string_view>

#include "engine/core/flat_map.h"
#include "engine/core/types.h"

namespace tapedeck::blackbox {

class TopicName {
 public:
  static constexpr size_t kReadable = 16;

  TopicName() = default;
  // Of a short `text` kReadable bytes from its front on must be readable while this is made, as they are in a plain
  // message, where more follows it.
  explicit TopicName(std::string_view text) : text_(text) {
    std::memcpy(&low_, text.data(), kWord);
    std::memcpy(&high_, text.data() + kWord, kWord);
    low_ = first_bytes(low_, text.size());
    high_ = text.size() <= kWord ? 0 : first_bytes(high_, text.size() - kWord);
  }

  // The same name, elsewhere.
  [[nodiscard]] TopicName at(std::string_view text) const {
    TopicName name = *this;
    name.text_ = text;
    return name;
  }

  bool operator==(const TopicName& other) const {
    return low_ == other.low_ && high_ == other.high_ && text_.size() == other.text_.size() &&
           (text_.size() <= kReadable || text_ == other.text_);
  }

  struct Hash {
    uint64_t operator()(const TopicName& name) const {
      if (name.text_.size() > kReadable) return std::hash<std::string_view>()(name.text_);
      return core::mix(name.low_ ^ core::mix(name.high_));
    }
  };

 private:
  static constexpr size_t kWord = sizeof(uint64_t);

  // Whole words and a mask: copying as many bytes as there are would make the words wait for the copy.
  [[nodiscard]] static uint64_t first_bytes(uint64_t word, size_t count) {
    return count >= kWord ? word : word & ((uint64_t{1} << (8 * count)) - 1);
  }

  uint64_t low_ = 0;   // the first bytes, with zeros behind the end
  uint64_t high_ = 0;  // those behind them
  std::string_view text_;
};

struct IndexedTopic {
  core::TopicId id{};
  core::Lane lane{};
  uint64_t next_sequence = 0;
};

using TopicIndex = core::FlatMap<TopicName, IndexedTopic, TopicName::Hash>;

// Adds a topic, unless its name is empty or in there already. The name must outlive the index.
void add_topic(TopicIndex& index, std::string_view name, core::TopicId id, core::Lane lane);

}  // namespace tapedeck::blackbox
