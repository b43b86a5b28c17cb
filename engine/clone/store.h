// What a server holds: the table, the sequence of its updates, when keys expire, and which updates came before. No
// sockets and no clock of its own, so that a test can drive it. For one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "engine/clone/protocol.h"
#include "engine/clone/recent_uuids.h"
#include "engine/clone/table.h"

namespace tapedeck::clone {

struct Limits {
  size_t keys_max = 10'000'000;
  size_t value_bytes_max = size_t{1} << 20;  // kValueBytesMax at most
  size_t clients_max = 20'000;               // that wait for a snapshot at the same time
};

class Store {
 public:
  enum class Verdict { kApplied, kRepeated, kTooManyKeys, kValueTooLong };

  explicit Store(const Limits& limits) : limits_(limits) {}

  // Takes in a KVSET that was decoded without fault. If applied, it has the next sequence, which is now sequence().
  // `ttl_s` counts from `now_ns`, monotonic; 0 is for ever. An update whose UUID came before (RecentUuids) changes
  // nothing: a repetition that comes late must not undo what came after it.
  Verdict apply(const Message& set, int64_t ttl_s, int64_t now_ns);
  // Deletes one key whose time is over, under the next sequence, and gives it.
  std::optional<std::string> expire(int64_t now_ns);
  [[nodiscard]] int64_t next_expiry_ns() const;  // INT64_MAX if there is none

  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] uint64_t sequence() const { return sequence_; }
  // Of the update with this UUID, if it is remembered.
  [[nodiscard]] std::optional<uint64_t> sequence_of(std::string_view uuid) const {
    return uuids_.find(uuid, sequence_);
  }

 private:
  void set_expiry(std::string_view key, int64_t expiry_ns);
  void clear_expiry(std::string_view key);

  Limits limits_;
  Table table_;
  uint64_t sequence_ = 0;
  RecentUuids uuids_;
  std::map<std::string, int64_t, std::less<>> expiry_of_;  // of ephemeral keys; monotonic
  std::set<std::pair<int64_t, std::string>> expiries_;     // the same, by time
};

}  // namespace tapedeck::clone
