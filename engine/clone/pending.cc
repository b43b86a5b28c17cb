#include "engine/clone/pending.h"

#include <fmt/format.h>

#include <iterator>

namespace tapedeck::clone {
namespace {

std::string_view text_of(const std::array<char, kUuidBytes>& uuid) { return {uuid.data(), uuid.size()}; }

}  // namespace

void Pending::add(Update update) {
  updates_.push_back(std::move(update));
  const auto last = std::prev(updates_.end());
  by_uuid_.emplace(text_of(last->uuid), last);
  if (!has_unsent()) unsent_ = last;
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
void Pending::confirm(std::string_view uuid) {
  const auto found = by_uuid_.find(uuid);
  if (found == by_uuid_.end()) return;
  const auto update = found->second;
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
