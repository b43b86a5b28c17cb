// Gives topics their names, FEED/SYMBOL, and their lanes. The symbol is trimmed on the right and percent-encoded, so
// that every byte of it can be read back; what has no known symbol is FEED/@KEY, which no encoded symbol can be. A
// topic lives in one lane, that of its order key: the same name with a key of another lane is another topic. Borrows
// the tape writer. One thread; for cold paths: callers keep what they got. Beyond kTopicsMax names everything is
// FEED/@other.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/tape/tape_writer.h"

namespace tapedeck::feed {

// Where a message goes.
struct TopicPlace {
  core::TopicId topic{};
  core::Lane lane{};
  bool operator==(const TopicPlace&) const = default;
};

inline constexpr size_t kTopicsMax = 1u << 20;

// Without spaces and NULs at its end; then all but letters, digits, '-', '.', '_' and '~' as %XX (RFC 3986, section 2).
[[nodiscard]] std::string encode_symbol(std::string_view symbol);
[[nodiscard]] std::string_view trim_symbol(std::string_view symbol);

class TopicBook {
 public:
  explicit TopicBook(tape::TapeWriter& writer, size_t topics_max = kTopicsMax)
      : writer_(writer), topics_max_(topics_max) {}

  // FEED/SYMBOL.
  [[nodiscard]] TopicPlace symbol(std::string_view feed, std::string_view symbol, core::Bytes key);
  // FEED/@KEY_TEXT, the same for all who ask for it.
  [[nodiscard]] TopicPlace keyed(std::string_view feed, std::string_view key_text, core::Bytes key);
  // FEED/@KEY_TEXT, a topic of its own, to be named later.
  [[nodiscard]] TopicPlace unnamed(std::string_view feed, std::string_view key_text, core::Bytes key);
  // Names such a topic FEED/SYMBOL, and gives the place for messages to come.
  [[nodiscard]] TopicPlace name(TopicPlace unnamed, std::string_view feed, std::string_view symbol);

 private:
  TopicPlace place(std::string name, std::string_view feed, core::Lane lane);
  [[nodiscard]] core::Lane lane_of(std::string_view feed, core::Bytes key) const;

  tape::TapeWriter& writer_;
  size_t topics_max_;
  std::unordered_map<std::string, core::TopicId> topics_;  // by name and lane
};

}  // namespace tapedeck::feed
