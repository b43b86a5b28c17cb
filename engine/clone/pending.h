// The updates that a client has asked for and that the server has not published yet, in their order. They are sent
// again until their UUID comes back. For one thread; the callbacks run on it.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <unordered_map>

#include "engine/clone/protocol.h"
#include "engine/core/status.h"

namespace tapedeck::clone {

class Pending {
 public:
  using Done = std::function<void(const core::Status&)>;
  struct Update {
    std::array<char, kUuidBytes> uuid = new_uuid();
    std::string key;
    std::string value;  // empty: to be erased
    int64_t ttl_s = 0;
    int64_t give_up_ns = 0;  // monotonic
    Done done;
    int64_t sent_ns = 0;
  };

  using Updates = std::list<Update>;
  // Takes all of `updates`.
  void add(Updates& updates);
  // Sends what has not been sent and, now and then, again what seems to be lost; until `send`, which gets the message,
  // gives false.
  template <class Send>
  void send(int64_t now_ns, Send&& send);
  // The server has published the update with this UUID, and with it all of the same key before it.
  void confirm(std::string_view uuid, int64_t now_ns);
  void refuse(std::string_view uuid, std::string_view why);
  void give_up(int64_t now_ns);  // those whose time is over
  void fail_all(const std::string& why);
  // Another server: all must be sent again.
  void start_over() { unsent_ = updates_.begin(); }

  [[nodiscard]] bool empty() const { return updates_.empty(); }
  [[nodiscard]] bool has_unsent() const { return unsent_ != updates_.end(); }

 private:
  static constexpr int64_t kResend_ns = 500'000'000;

  [[nodiscard]] bool is_lost(const Update& update, int64_t now_ns) const;
  void finish(Updates::iterator update, const core::Status& status);
  static Message message_of(const Update& update, std::string& properties);

  Updates updates_;
  Updates::iterator unsent_ = updates_.end();  // the first of those that were never sent to this server
  std::unordered_map<std::string_view, Updates::iterator> by_uuid_;
  int64_t next_resend_ns_ = 0;
  int64_t confirmed_ns_ = 0;       // when one was confirmed last,
  int64_t confirmed_sent_ns_ = 0;  // and when that one had been sent
};

template <class Send>
void Pending::send(int64_t now_ns, Send&& send) {
  std::string properties;
  const auto send_one = [&](Update& update) {
    if (!send(message_of(update, properties))) return false;
    update.sent_ns = now_ns;
    return true;
  };
  if (now_ns >= next_resend_ns_) {
    next_resend_ns_ = now_ns + kResend_ns / 4;
    for (auto update = updates_.begin(); update != unsent_; ++update) {
      if (is_lost(*update, now_ns) && !send_one(*update)) return;
    }
  }
  while (unsent_ != updates_.end() && send_one(*unsent_)) ++unsent_;
}

}  // namespace tapedeck::clone
