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

void LocateTable::open(Entry& entry, uint16_t locate) {
  entry.go_to(book_->unnamed(feed_, fmt::format_int(locate).c_str(), key_of(locate)));
}

void LocateTable::name(Entry& entry, uint16_t locate, uint64_t symbol) {
  if (locate == 0 || trim_symbol(text_of(symbol)).empty()) {
    if (!entry.used) open(entry, locate);
    return;
  }
  if (entry.used && entry.symbol == 0) {
    entry.go_to(book_->name({entry.topic, entry.lane}, feed_, text_of(symbol)));
  } else {
    entry.go_to(book_->symbol(feed_, text_of(symbol), key_of(locate)));
  }
  entry.symbol = symbol;
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
