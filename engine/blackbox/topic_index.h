// The topics of a plain wire by name, with the sequence that each expects next. One is looked up for every message, so
// all that is kept of a topic, and the front of its name, is in half a cache line of one table. One thread.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/types.h"

namespace tapedeck::blackbox {

// The first bytes of a name, with zeros behind its end.
struct NameFront {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const NameFront&) const = default;
};

struct IndexedTopic {
  NameFront front;
  uint64_t next_sequence = 0;
  core::TopicId id{};
  core::Lane lane{};
  uint16_t name_size = 0;  // 0 in a free place of the table
};
static_assert(sizeof(IndexedTopic) == 32);

class TopicIndex {
 public:
  // `names` are those of all ids, and must outlive it.
  explicit TopicIndex(const std::vector<std::string>& names);

  // Left out where the name is empty, longer than 65535 bytes, or in here already.
  void add(core::TopicId id, core::Lane lane);

  // Null where there is none. Of a short name the 16 bytes from its front on must be readable, as they are in a plain
  // message, where more follows it.
  [[nodiscard]] IndexedTopic* find(std::string_view name) {
    IndexedTopic& place = table_[place_of(name, front_of(name))];
    return place.name_size == 0 ? nullptr : &place;
  }

 private:
  [[nodiscard]] static NameFront front_of(std::string_view name);
  [[nodiscard]] static size_t first_place(std::string_view name, const NameFront& front);
  // Where the topic with this name is, or the free place where it belongs.
  [[nodiscard]] size_t place_of(std::string_view name, const NameFront& front) const;
  [[nodiscard]] bool is_it(const IndexedTopic& topic, std::string_view name, const NameFront& front) const;

  const std::vector<std::string>& names_;
  std::vector<IndexedTopic> table_;  // at most half full; its size is a power of two
};

// Whole words and a mask: copying as many bytes as there are would make the words wait for the copy.
inline NameFront TopicIndex::front_of(std::string_view name) {
  constexpr size_t kWord = sizeof(uint64_t);
  const auto first_bytes = [](uint64_t word, size_t count) {
    return count >= kWord ? word : word & ((uint64_t{1} << (8 * count)) - 1);
  };
  NameFront front;
  std::memcpy(&front, name.data(), sizeof front);
  front.low = first_bytes(front.low, name.size());
  front.high = name.size() <= kWord ? 0 : first_bytes(front.high, name.size() - kWord);
  return front;
}

inline bool TopicIndex::is_it(const IndexedTopic& topic, std::string_view name, const NameFront& front) const {
  return topic.front == front && topic.name_size == name.size() &&
         (name.size() <= sizeof front || names_[topic.id.value] == name);
}

inline size_t TopicIndex::place_of(std::string_view name, const NameFront& front) const {
  const size_t mask = table_.size() - 1;
  size_t at = first_place(name, front) & mask;
  while (table_[at].name_size != 0 && !is_it(table_[at], name, front)) at = (at + 1) & mask;
  return at;
}

// Multiplied by odd numbers and folded, so that every bit of the names counts.
inline size_t TopicIndex::first_place(std::string_view name, const NameFront& front) {
  if (name.size() > sizeof front) return std::hash<std::string_view>()(name);
  const uint64_t mixed = (front.low ^ (front.high * 0xbf58476d1ce4e5b9)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 32);
}

}  // namespace tapedeck::blackbox
