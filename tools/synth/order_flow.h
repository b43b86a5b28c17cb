// A made-up trading day of one venue as ITCH 5.0 messages (Nasdaq TotalView-ITCH 5.0 specification): the start, a
// directory entry and a trading action for each symbol, orders, the end. Everything that refers to an order refers to a
// live one of the same locate with enough shares; bids stay below a symbol's base price and offers above it, so no book
// is crossed. Locates count from 1, and locate 1 trades most. The same options give the same bytes on every machine.
// One thread; memory is taken at construction (at most 16 MiB of orders) and stays as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/synth/random.h"
#include "tools/synth/zipf.h"

namespace tapedeck::synth {

struct OrderFlowOptions {
  uint64_t messages = 1'000'000;  // of the whole session, at least OrderFlow::messages_min(symbols)
  uint32_t symbols = 1000;        // 1 to OrderFlow::kSymbolsMax
  double zipf = 1.0;              // exponent of the symbols' activity; see Zipf
  uint64_t seed = 1;
};

class OrderFlow {
 public:
  static constexpr size_t kMessageBytesMax = 44;
  static constexpr uint32_t kSymbolsMax = 65535;        // a locate has 16 bits, and 0 means no symbol
  static constexpr uint32_t kLiveOrdersMax = 1u << 20;  // shared out evenly: a symbol that has its part adds no more

  // Start, end, two for each symbol, and one order.
  [[nodiscard]] static constexpr uint64_t messages_min(uint32_t symbols) { return 3 + 2 * uint64_t{symbols}; }

  explicit OrderFlow(const OrderFlowOptions& options);

  [[nodiscard]] bool at_end() const { return written_ == messages_; }
  // Writes the next message to `out`, which has room for kMessageBytesMax bytes, and gives its size. Not at the end.
  size_t next(uint64_t ns_since_midnight, std::byte* out);

 private:
  struct Order {
    uint64_t reference;
    uint32_t shares;
    uint32_t price;  // in 1/10,000 dollar, as in ITCH; below its symbol's base price for a bid, above for an offer
  };
  struct Symbol {
    std::array<char, 8> name;
    uint32_t base_price;
    uint32_t bid_cents;  // how far from the base price new bids begin
    uint32_t offer_cents;
    uint32_t live;  // orders: the first of the symbol's part of orders_
  };
  struct Head;  // what every message begins with

  size_t order_message(const Head& head, std::byte* out);
  size_t system_event(const Head& head, std::byte* out, char code) const;
  size_t directory_entry(const Head& head, std::byte* out) const;
  size_t trading_action(const Head& head, std::byte* out) const;
  size_t add(const Head& head, std::byte* out, bool with_attribution);
  size_t execute(const Head& head, std::byte* out, bool at_other_price);
  size_t cancel(const Head& head, std::byte* out);
  size_t remove(const Head& head, std::byte* out);
  size_t replace(const Head& head, std::byte* out);
  size_t trade(const Head& head, std::byte* out);

  [[nodiscard]] Order* orders_of(uint16_t locate) { return &orders_[size_t{locate - 1u} * live_max_]; }
  [[nodiscard]] Symbol& symbol_of(uint16_t locate) { return symbols_[locate - 1u]; }
  [[nodiscard]] const Symbol& symbol_of(uint16_t locate) const { return symbols_[locate - 1u]; }
  Order& any_order(uint16_t locate);
  void take_out(uint16_t locate, Order& order);
  uint32_t new_price(Symbol& symbol, bool bid);
  uint32_t new_shares();
  uint32_t part_of(uint32_t shares);

  uint64_t messages_;
  uint64_t written_ = 0;
  uint64_t last_reference_ = 0;
  uint64_t last_match_ = 0;
  uint32_t live_max_;  // of one symbol
  Random random_;
  Zipf zipf_;
  std::vector<Symbol> symbols_;
  std::vector<Order> orders_;  // live_max_ for each symbol
};

}  // namespace tapedeck::synth
