#include "engine/clone/store.h"

#include "engine/core/durations.h"

namespace tapedeck::clone {

Store::Verdict Store::apply(const Message& set, int64_t ttl_s, int64_t now_ns) {
  if (sequence_of(set.uuid)) return Verdict::kRepeated;
  if (set.value.size() > limits_.value_bytes_max) return Verdict::kValueTooLong;
  const bool erases = set.value.empty();
  if (!erases && table_.size() >= limits_.keys_max && !table_.find(set.key)) return Verdict::kTooManyKeys;
  ++sequence_;
  uuids_.add(set.uuid, sequence_);
  if (erases) {
    table_.erase(set.key);
  } else {
    table_.set(std::make_shared<Entry>(Entry{std::string(set.key), std::string(set.value), sequence_}));
  }
  clear_expiry(set.key);
  if (!erases && ttl_s > 0) set_expiry(set.key, now_ns + ttl_s * core::kSecond_ns);
  return Verdict::kApplied;
}

void Store::set_expiry(std::string_view key, int64_t expiry_ns) {
  expiry_of_.emplace(key, expiry_ns);
  expiries_.emplace(expiry_ns, key);
}

void Store::clear_expiry(std::string_view key) {
  const auto found = expiry_of_.find(key);
  if (found == expiry_of_.end()) return;
  expiries_.erase({found->second, found->first});
  expiry_of_.erase(found);
}

int64_t Store::next_expiry_ns() const { return expiries_.empty() ? INT64_MAX : expiries_.begin()->first; }

std::optional<std::string> Store::expire(int64_t now_ns) {
  if (now_ns < next_expiry_ns()) return std::nullopt;
  std::string key = expiries_.begin()->second;
  clear_expiry(key);
  table_.erase(key);
  ++sequence_;
  return key;
}

}  // namespace tapedeck::clone
