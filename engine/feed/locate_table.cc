#include "engine/feed/locate_table.h"

#include <fmt/format.h>

namespace tapedeck::feed {
namespace {

std::string_view text_of(const uint64_t& symbol) { return {reinterpret_cast<const char*>(&symbol), sizeof symbol}; }

// The order key: the two bytes as they stand in the message.
std::array<std::byte, 2> key_of(uint16_t locate) {
  std::array<std::byte, 2> key;
  core::store_be(key.data(), locate);
  return key;
}

}  // namespace

LocateTable::Entry& LocateTable::entry(uint16_t locate) {
  std::unique_ptr<Page>& page = pages_[locate / kPageSize];
  if (!page) page = std::make_unique<Page>();
  return (*page)[locate % kPageSize];
}

TopicPlace LocateTable::place(uint16_t locate) {
  Entry& e = entry(locate);
  if (!e.used) open(e, locate);
  return e.place;
}

TopicPlace LocateTable::place(uint16_t locate, const std::byte* symbol) {
  Entry& e = entry(locate);
  const auto wanted = core::load_le<uint64_t>(symbol);
  if (!e.used || e.symbol != wanted) name(e, locate, wanted);
  return e.place;
}

void LocateTable::open(Entry& entry, uint16_t locate) {
  entry.place = book_->unnamed(feed_, fmt::format_int(locate).c_str(), key_of(locate));
  entry.used = true;
}

void LocateTable::name(Entry& entry, uint16_t locate, uint64_t symbol) {
  if (locate == 0 || trim_symbol(text_of(symbol)).empty()) {
    if (!entry.used) open(entry, locate);
    return;
  }
  if (entry.used && entry.symbol == 0) {
    entry.place = book_->name(entry.place, feed_, text_of(symbol));
  } else {
    entry.place = book_->symbol(feed_, text_of(symbol), key_of(locate));
  }
  entry.symbol = symbol;
  entry.used = true;
}

LocateTable& LocateTables::of(const SessionId& session) {
  if (last_ != nullptr && last_->id == session) return last_->table;
  for (const auto& known : sessions_) {
    if (known->id == session) {
      last_ = known.get();
      return last_->table;
    }
  }
  auto fresh = std::make_unique<Session>(Session{session, LocateTable(feed_, book_)});
  last_ = fresh.get();
  if (sessions_.size() < kSessionsMax) {
    sessions_.push_back(std::move(fresh));
  } else {
    sessions_[oldest_] = std::move(fresh);
    oldest_ = (oldest_ + 1) % kSessionsMax;
  }
  return last_->table;
}

}  // namespace tapedeck::feed
