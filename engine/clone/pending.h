// The updates that a client has asked for and that the server has not published yet, in their order. They are sent
// again until their UUID comes back, which is the client's number and that of the update. For one thread; the callbacks
// run on it.
#pragma once

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/clone/protocol.h"
#include "engine/core/status.h"

namespace tapedeck::clone {

class Pending {
 public:
  using Done = std::function<void(const core::Status&)>;
  struct Update {
    std::string key = {};
    std::string value = {};  // empty: to be erased
    int64_t ttl_s = 0;
    int64_t give_up_ns = 0;  // monotonic
    Done done = {};
    int64_t sent_ns = 0;
    bool superseded = false;  // a later one of the same key was sent: this one would undo it
    bool over = false;
  };
  using Updates = std::vector<Update>;

  // Takes all of `updates`.
  void add(Updates& updates);
  // Sends what has not been sent and, now and then, again what seems to be lost; until `send`, which gets the message,
  // gives false. Values longer than `value_bytes_max` fail, for one could end the connection and take others with it.
  template <class Send>
  void send(int64_t now_ns, size_t value_bytes_max, Send&& send);
  // The server has published the update with this UUID, and with it all of the same key before it.
  void confirm(std::string_view uuid, int64_t now_ns);
  void refuse(std::string_view uuid, std::string_view why);
  void give_up(int64_t now_ns);  // those whose time is over
  void fail_all(const std::string& why);
  // Another server: all must be sent again.
  void start_over();

  [[nodiscard]] bool empty() const { return updates_.empty(); }

 private:
  static constexpr int64_t kResend_ns = 500'000'000;
  using Uuid = std::array<char, kUuidBytes>;

  [[nodiscard]] Uuid uuid_of(size_t index) const;
  [[nodiscard]] std::optional<size_t> index_of(std::string_view uuid) const;  // of one that is not over
  [[nodiscard]] bool is_lost(const Update& update, int64_t now_ns) const;
  void mark_superseded();
  void finish(size_t index, const core::Status& status);
  void drop_finished();
  bool refuse_too_long(size_t index, size_t value_bytes_max);
  template <class Send>
  bool send_lost(int64_t now_ns, size_t value_bytes_max, Send&& send);
  template <class Send>
  bool send_one(size_t index, int64_t now_ns, Send&& send);

  const Uuid base_ = new_uuid();  // its first half is the client's number
  std::deque<Update> updates_;
  uint64_t first_ = 0;  // number of the one in front
  size_t unsent_ = 0;   // index of the first of those that were never sent to this server
  int64_t next_resend_ns_ = 0;
  int64_t confirmed_ns_ = 0;       // when one was confirmed last,
  int64_t confirmed_sent_ns_ = 0;  // and when that one had been sent
};

template <class Send>
bool Pending::send_one(size_t index, int64_t now_ns, Send&& send) {
  Update& update = updates_[index];
  if (update.over || update.superseded) return true;
  const Uuid uuid = uuid_of(index);
  const std::string properties = update.ttl_s > 0 ? fmt::format("{}={}\n", kTtl, update.ttl_s) : std::string();
  if (!send(Message{.key = update.key,
                    .sequence = 0,
                    .uuid = {uuid.data(), uuid.size()},
                    .properties = properties,
                    .value = update.value})) {
    return false;
  }
  update.sent_ns = now_ns;
  return true;
}

template <class Send>
bool Pending::send_lost(int64_t now_ns, size_t value_bytes_max, Send&& send) {
  bool marked = false;
  for (size_t i = 0; i < unsent_; ++i) {
    if (updates_[i].over || !is_lost(updates_[i], now_ns)) continue;
    if (!std::exchange(marked, true)) mark_superseded();
    if (!refuse_too_long(i, value_bytes_max) && !send_one(i, now_ns, send)) return false;
  }
  return true;
}

template <class Send>
void Pending::send(int64_t now_ns, size_t value_bytes_max, Send&& send) {
  if (now_ns >= next_resend_ns_) {
    next_resend_ns_ = now_ns + kResend_ns / 4;
    if (!send_lost(now_ns, value_bytes_max, send)) return;
  }
  for (; unsent_ < updates_.size(); ++unsent_) {
    if (!refuse_too_long(unsent_, value_bytes_max) && !send_one(unsent_, now_ns, send)) break;
  }
  drop_finished();
}

}  // namespace tapedeck::clone
