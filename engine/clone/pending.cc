#include "engine/clone/pending.h"

#include <fmt/format.h>

#include <iterator>

namespace tapedeck::clone {
namespace {

std::string_view text_of(const std::array<char, kUuidBytes>& uuid) { return {uuid.data(), uuid.size()}; }

}  // namespace

void Pending::add(Updates& updates) {
  if (updates.empty()) return;
  if (!has_unsent()) unsent_ = updates.begin();
  for (auto update = updates.begin(); update != updates.end(); ++update)
    by_uuid_.emplace(text_of(update->uuid), update);
  updates_.splice(updates_.end(), updates);
}

// Not merely late: a server with a long queue must not get more of the same. Either one that was sent after it is back,
// or none has come back for as long.
bool Pending::is_lost(const Update& update, int64_t now_ns) const {
  if (now_ns - update.sent_ns < kResend_ns) return false;
  return update.sent_ns < confirmed_sent_ns_ || now_ns - confirmed_ns_ >= kResend_ns;
}

Message Pending::message_of(const Update& update, std::string& properties) {
  properties = update.ttl_s > 0 ? fmt::format("{}={}\n", kTtl, update.ttl_s) : std::string();
  return {
      .key = update.key, .sequence = 0, .uuid = text_of(update.uuid), .properties = properties, .value = update.value};
}

void Pending::finish(Updates::iterator update, const core::Status& status) {
  if (unsent_ == update) ++unsent_;
  by_uuid_.erase(text_of(update->uuid));
  const Done done = std::move(update->done);
  updates_.erase(update);
  if (done) done(status);
}

// One before it that was lost must not be sent again: it would undo this one.
void Pending::confirm(std::string_view uuid, int64_t now_ns) {
  const auto found = by_uuid_.find(uuid);
  if (found == by_uuid_.end()) return;
  const auto update = found->second;
  confirmed_ns_ = now_ns;
  confirmed_sent_ns_ = update->sent_ns;
  for (auto earlier = updates_.begin(); earlier != update;) {
    const auto next = std::next(earlier);
    if (earlier->key == update->key) finish(earlier, {});
    earlier = next;
  }
  finish(update, {});
}

void Pending::refuse(std::string_view uuid, std::string_view why) {
  const auto found = by_uuid_.find(uuid);
  if (found == by_uuid_.end()) return;
  finish(found->second, core::fail("the server refused to set {}: {}", found->second->key,
                                   why == "keys"    ? "it has as many keys as it may"
                                   : why == "value" ? "the value is longer than it takes"
                                                    : why));
}

void Pending::give_up(int64_t now_ns) {
  for (auto update = updates_.begin(); update != updates_.end();) {
    const auto next = std::next(update);
    if (now_ns >= update->give_up_ns) {
      finish(update,
             core::fail("no server has confirmed the update of {} in time; it may still come to pass", update->key));
    }
    update = next;
  }
}

void Pending::fail_all(const std::string& why) {
  while (!updates_.empty()) finish(updates_.begin(), core::fail("{}", why));
}

}  // namespace tapedeck::clone
