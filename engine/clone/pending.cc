#include "engine/clone/pending.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace tapedeck::clone {

void Pending::add(Updates& updates) {
  std::ranges::move(updates, std::back_inserter(updates_));
  updates.clear();
}

Pending::Uuid Pending::uuid_of(size_t index) const {
  Uuid uuid = base_;
  const uint64_t number = first_ + index;
  std::memcpy(uuid.data() + sizeof number, &number, sizeof number);
  return uuid;
}

std::optional<size_t> Pending::index_of(std::string_view uuid) const {
  uint64_t number = 0;
  if (uuid.size() != kUuidBytes || std::memcmp(uuid.data(), base_.data(), sizeof number) != 0) return std::nullopt;
  std::memcpy(&number, uuid.data() + sizeof number, sizeof number);
  const uint64_t index = number - first_;
  if (index >= updates_.size() || updates_[index].over) return std::nullopt;
  return index;
}

// Not merely late: a server with a long queue must not get more of the same. Either one that was sent after it is back,
// or none has come back for as long.
bool Pending::is_lost(const Update& update, int64_t now_ns) const {
  if (now_ns - update.sent_ns < kResend_ns) return false;
  return update.sent_ns < confirmed_sent_ns_ || now_ns - confirmed_ns_ >= kResend_ns;
}

void Pending::finish(size_t index, const core::Status& status) {
  const Update update = std::exchange(updates_[index], {.over = true});
  if (update.done) update.done(status);
}

// Of those that were sent.
void Pending::mark_superseded() {
  std::unordered_set<std::string_view> later;
  for (size_t i = unsent_; i-- > 0;) {
    if (!updates_[i].over) updates_[i].superseded = !later.insert(updates_[i].key).second;
  }
}

void Pending::start_over() {
  mark_superseded();
  unsent_ = 0;
}

bool Pending::refuse_too_long(size_t index, size_t value_bytes_max) {
  const Update& update = updates_[index];
  if (update.value.size() <= value_bytes_max) return false;
  finish(index, core::fail("the value of {} has {} bytes, and the server takes {} at most", update.key,
                           update.value.size(), value_bytes_max));
  return true;
}

void Pending::drop_finished() {
  for (; !updates_.empty() && updates_.front().over; ++first_) {
    updates_.pop_front();
    unsent_ -= unsent_ > 0 ? 1 : 0;
  }
}

// One before it that was lost must not be sent again: it would undo this one.
void Pending::confirm(std::string_view uuid, int64_t now_ns) {
  const auto index = index_of(uuid);
  if (!index) return;
  confirmed_ns_ = now_ns;
  confirmed_sent_ns_ = updates_[*index].sent_ns;
  for (size_t i = 0; i < *index; ++i) {
    if (updates_[i].key == updates_[*index].key) finish(i, {});
  }
  finish(*index, {});
  drop_finished();
}

void Pending::refuse(std::string_view uuid, std::string_view why) {
  const auto index = index_of(uuid);
  if (!index) return;
  finish(*index, core::fail("the server refused to set {}: {}", updates_[*index].key,
                            why == "keys"    ? "it has as many keys as it may"
                            : why == "value" ? "the value is longer than it takes"
                                             : why));
  drop_finished();
}

void Pending::give_up(int64_t now_ns) {
  for (size_t i = 0; i < updates_.size(); ++i) {
    const Update& update = updates_[i];
    if (update.over || now_ns < update.give_up_ns) continue;
    finish(i, core::fail("no server has confirmed the update of {} in time; it may still come to pass", update.key));
  }
  drop_finished();
}

void Pending::fail_all(const std::string& why) {
  for (size_t i = 0; i < updates_.size(); ++i) finish(i, core::fail("{}", why));
  drop_finished();
}

}  // namespace tapedeck::clone
