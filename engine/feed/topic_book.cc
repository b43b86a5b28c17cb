#include "engine/feed/topic_book.h"

#include <fmt/format.h>

#include "engine/tape/lane_of.h"

namespace tapedeck::feed {
namespace {

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string map_key(std::string_view name, core::Lane lane) { return fmt::format("{} {}", name, lane); }

std::string other_name(std::string_view feed) { return fmt::format("{}/@other", feed); }

}  // namespace

std::string_view trim_symbol(std::string_view symbol) {
  const size_t end = symbol.find_last_not_of(std::string_view(" \0", 2));
  return symbol.substr(0, end + 1);  // npos + 1 is 0
}

std::string encode_symbol(std::string_view symbol) {
  std::string text;
  for (const char c : trim_symbol(symbol)) {
    if (is_unreserved(c)) {
      text += c;
    } else {
      text += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return text;
}

core::Lane TopicBook::lane_of(std::string_view feed, core::Bytes key) const {
  return tape::lane_of(feed, key, writer_.options().lanes);
}

TopicPlace TopicBook::place(std::string name, std::string_view feed, core::Lane lane) {
  std::string key = map_key(name, lane);
  if (const auto known = topics_.find(key); known != topics_.end()) return {known->second, lane};
  if (writer_.topic_count() >= topics_max_) {
    name = other_name(feed);
    key = map_key(name, lane);
    if (const auto known = topics_.find(key); known != topics_.end()) return {known->second, lane};
  }
  const core::TopicId topic = writer_.add_topic(name);
  topics_.emplace(std::move(key), topic);
  return {topic, lane};
}

TopicPlace TopicBook::symbol(std::string_view feed, std::string_view symbol, core::Bytes key) {
  return place(fmt::format("{}/{}", feed, encode_symbol(symbol)), feed, lane_of(feed, key));
}

TopicPlace TopicBook::keyed(std::string_view feed, std::string_view key_text, core::Bytes key) {
  return place(fmt::format("{}/@{}", feed, key_text), feed, lane_of(feed, key));
}

TopicPlace TopicBook::unnamed(std::string_view feed, std::string_view key_text, core::Bytes key) {
  const core::Lane lane = lane_of(feed, key);
  if (writer_.topic_count() >= topics_max_) return place(other_name(feed), feed, lane);
  return {writer_.add_topic(fmt::format("{}/@{}", feed, key_text)), lane};
}

TopicPlace TopicBook::name(TopicPlace unnamed, std::string_view feed, std::string_view symbol) {
  std::string name = fmt::format("{}/{}", feed, encode_symbol(symbol));
  if (writer_.topic_name(unnamed.topic) == other_name(feed)) return place(std::move(name), feed, unnamed.lane);
  writer_.rename_topic(unnamed.topic, name);
  const auto [known, _] = topics_.try_emplace(map_key(name, unnamed.lane), unnamed.topic);
  return {known->second, unnamed.lane};
}

}  // namespace tapedeck::feed
