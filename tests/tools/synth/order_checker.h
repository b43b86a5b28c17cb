// Follows an ITCH 5.0 order flow message by message as a book builder does, and collects what cannot be: lengths,
// references to orders that are not alive or not of that locate, too many shares, references used twice, crossed books,
// times that go back. Knows the message layouts from the specification only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/bytes.h"

namespace tapedeck::synth {

class OrderChecker {
 public:
  void check(core::Bytes message);

  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  [[nodiscard]] uint64_t count(char type) const { return counts_[static_cast<uint8_t>(type)]; }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  [[nodiscard]] size_t live_orders() const { return orders_.size(); }
  [[nodiscard]] size_t live_orders_max(uint16_t locate) { return books_[locate].live_max; }
  [[nodiscard]] const std::map<uint16_t, std::string>& names() const { return names_; }  // as padded, by locate
  // Messages about each locate that are no directory entry and no trading action.
  [[nodiscard]] const std::map<uint16_t, uint64_t>& activity() const { return activity_; }

 private:
  struct Order {
    uint16_t locate;
    bool bid;
    uint32_t shares;
    uint32_t price;
  };
  struct Book {
    std::multiset<uint32_t> bids;
    std::multiset<uint32_t> offers;
    size_t live_max = 0;
  };
  using Orders = std::unordered_map<uint64_t, Order>;

  void complain(core::Bytes message, std::string_view what);
  void check_head(core::Bytes message);
  void check_name(core::Bytes message, size_t at);
  void directory_entry(core::Bytes message);
  void enter(core::Bytes message, uint64_t reference, const Order& order);
  void leave(Orders::iterator at);
  void take_shares(core::Bytes message, uint32_t shares, bool all_allowed);
  void take_match(core::Bytes message, uint64_t match);
  void replace(core::Bytes message);
  Orders::iterator find(core::Bytes message);

  std::vector<std::string> complaints_;
  std::array<uint64_t, 256> counts_{};
  uint64_t messages_ = 0;
  uint64_t last_time_ns_ = 0;
  uint64_t last_match_ = 0;
  std::map<uint16_t, std::string> names_;
  std::map<uint16_t, uint64_t> activity_;
  std::unordered_map<uint16_t, Book> books_;
  Orders orders_;
  std::set<uint64_t> used_;  // references, ever
};

}  // namespace tapedeck::synth
