#include "tools/synth/order_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "engine/core/bytes.h"
#include "engine/core/status.h"

namespace tapedeck::synth {
namespace {

using core::store_be;

constexpr uint32_t kCent = 100;              // in prices of ITCH
constexpr uint32_t kCentsFromBaseMax = 100;  // where new orders begin; with kCentsDeep less than the lowest base price
constexpr uint32_t kCentsDeep = 16;

// Which message comes next, in thousandths, when the symbol has orders and room for more. Adds outnumber what takes
// orders away by a little, so that books fill up to their part and then stay there.
enum class Action : uint8_t { kAdd, kAddAttributed, kExecute, kExecuteAtPrice, kCancel, kDelete, kReplace, kTrade };
struct Share {
  Action action;
  uint32_t below;  // running sum
};
constexpr std::array<Share, 8> kMix = {{{Action::kAdd, 430},
                                        {Action::kDelete, 830},
                                        {Action::kReplace, 910},
                                        {Action::kExecute, 960},
                                        {Action::kAddAttributed, 980},
                                        {Action::kCancel, 990},
                                        {Action::kExecuteAtPrice, 995},
                                        {Action::kTrade, 1000}}};

Action pick_action(uint32_t thousandth) {
  size_t at = 0;
  while (thousandth >= kMix[at].below) ++at;
  return kMix[at].action;
}

void put_text(std::byte* at, std::string_view text) { std::memcpy(at, text.data(), text.size()); }
void put_char(std::byte* at, char c) { *at = static_cast<std::byte>(c); }
void put_name(std::byte* at, const std::array<char, 8>& name) { std::memcpy(at, name.data(), name.size()); }

std::array<char, 8> made_up_name(uint32_t number) {
  std::array<char, 8> name;
  name.fill(' ');
  fmt::format_to_n(name.data(), name.size(), "T{:04}", number);
  return name;
}

}  // namespace

struct OrderFlow::Head {
  uint64_t ns_since_midnight;
  uint16_t locate;

  // Type, locate, tracking number (0) and time: bytes 0 to 10.
  void put(std::byte* out, char type) const {
    store_be(out + 3, ns_since_midnight);  // its top two bytes are zero: the tracking number
    put_char(out, type);
    store_be(out + 1, locate);
  }
};

OrderFlow::OrderFlow(const OrderFlowOptions& options)
    : messages_(options.messages),
      live_max_(kLiveOrdersMax / options.symbols),
      random_(options.seed),
      zipf_(options.symbols, options.zipf),
      orders_(size_t{live_max_} * options.symbols) {
  TD_CHECK(options.symbols <= kSymbolsMax && options.messages >= messages_min(options.symbols));
  symbols_.reserve(options.symbols);
  for (uint32_t number = 1; number <= options.symbols; ++number) {
    const uint32_t base_price = (500 + random_.below(49'500)) * kCent;  // 5 to 500 dollars
    symbols_.push_back({made_up_name(number), base_price, 1 + random_.below(10), 1 + random_.below(10), 0});
  }
}

size_t OrderFlow::next(uint64_t ns_since_midnight, std::byte* out) {
  TD_CHECK(!at_end());
  const uint64_t number = written_++;
  const uint64_t symbols = symbols_.size();
  if (number > 2 * symbols && number + 1 < messages_) {
    return order_message({ns_since_midnight, static_cast<uint16_t>(zipf_.draw(random_) + 1)}, out);
  }
  if (number == 0) return system_event({ns_since_midnight, 0}, out, 'O');              // start of messages
  if (number + 1 == messages_) return system_event({ns_since_midnight, 0}, out, 'C');  // end of messages
  const Head head{ns_since_midnight, static_cast<uint16_t>((number - 1) % symbols + 1)};
  return number <= symbols ? directory_entry(head, out) : trading_action(head, out);
}

size_t OrderFlow::order_message(const Head& head, std::byte* out) {
  const uint32_t live = symbol_of(head.locate).live;
  Action action = pick_action(random_.below(1000));
  const bool adds = action == Action::kAdd || action == Action::kAddAttributed;
  if (adds && live == live_max_) action = Action::kDelete;
  if (!adds && live == 0 && action != Action::kTrade) action = Action::kAdd;
  switch (action) {
    case Action::kAdd: return add(head, out, false);
    case Action::kAddAttributed: return add(head, out, true);
    case Action::kExecute: return execute(head, out, false);
    case Action::kExecuteAtPrice: return execute(head, out, true);
    case Action::kCancel: return cancel(head, out);
    case Action::kDelete: return remove(head, out);
    case Action::kReplace: return replace(head, out);
    case Action::kTrade: return trade(head, out);
  }
  __builtin_unreachable();
}

size_t OrderFlow::system_event(const Head& head, std::byte* out, char code) const {
  head.put(out, 'S');
  put_char(out + 11, code);
  return 12;
}

size_t OrderFlow::directory_entry(const Head& head, std::byte* out) const {
  head.put(out, 'R');
  put_name(out + 11, symbol_of(head.locate).name);
  put_text(out + 19, "QN");           // Nasdaq Global Select Market; financial status normal
  store_be<uint32_t>(out + 21, 100);  // round lot
  put_text(out + 25, "NCZ PNN1N");    // odd lots too; common stock; live; not restricted; no IPO; LULD tier 1; no ETP
  store_be<uint32_t>(out + 34, 0);    // ETP leverage
  put_char(out + 38, 'N');            // not inverse
  return 39;
}

size_t OrderFlow::trading_action(const Head& head, std::byte* out) const {
  head.put(out, 'H');
  put_name(out + 11, symbol_of(head.locate).name);
  put_text(out + 19, "T     ");  // trading; reserved; no reason
  return 25;
}

size_t OrderFlow::add(const Head& head, std::byte* out, bool with_attribution) {
  Symbol& symbol = symbol_of(head.locate);
  const bool bid = random_.coin();
  Order& order = orders_of(head.locate)[symbol.live++];
  order = {++last_reference_, new_shares(), new_price(symbol, bid)};
  head.put(out, with_attribution ? 'F' : 'A');
  store_be(out + 11, order.reference);
  put_char(out + 19, bid ? 'B' : 'S');
  store_be(out + 20, order.shares);
  put_name(out + 24, symbol.name);
  store_be(out + 32, order.price);
  if (!with_attribution) return 36;
  put_text(out + 36, "SYNT");
  return 40;
}

size_t OrderFlow::execute(const Head& head, std::byte* out, bool at_other_price) {
  Order& order = any_order(head.locate);
  const uint32_t shares = random_.coin() ? order.shares : part_of(order.shares);
  head.put(out, at_other_price ? 'C' : 'E');
  store_be(out + 11, order.reference);
  store_be(out + 19, shares);
  store_be(out + 23, ++last_match_);
  if (at_other_price) {
    put_char(out + 31, random_.below(8) == 0 ? 'N' : 'Y');  // printable
    const bool bid = order.price < symbol_of(head.locate).base_price;
    store_be(out + 32, bid ? order.price - kCent : order.price + kCent);
  }
  order.shares -= shares;
  if (order.shares == 0) take_out(head.locate, order);
  return at_other_price ? 36 : 31;
}

size_t OrderFlow::cancel(const Head& head, std::byte* out) {
  Order& order = any_order(head.locate);
  const uint32_t shares = part_of(order.shares);
  if (shares == order.shares) return remove(head, out);
  head.put(out, 'X');
  store_be(out + 11, order.reference);
  store_be(out + 19, shares);
  order.shares -= shares;
  return 23;
}

size_t OrderFlow::remove(const Head& head, std::byte* out) {
  Order& order = any_order(head.locate);
  head.put(out, 'D');
  store_be(out + 11, order.reference);
  take_out(head.locate, order);
  return 19;
}

size_t OrderFlow::replace(const Head& head, std::byte* out) {
  Symbol& symbol = symbol_of(head.locate);
  Order& order = any_order(head.locate);
  head.put(out, 'U');
  store_be(out + 11, order.reference);
  const bool bid = order.price < symbol.base_price;
  order = {++last_reference_, new_shares(), new_price(symbol, bid)};
  store_be(out + 19, order.reference);
  store_be(out + 27, order.shares);
  store_be(out + 31, order.price);
  return 35;
}

// Of an order that was not displayed: no reference, and always 'B'.
size_t OrderFlow::trade(const Head& head, std::byte* out) {
  const Symbol& symbol = symbol_of(head.locate);
  head.put(out, 'P');
  store_be<uint64_t>(out + 11, 0);
  put_char(out + 19, 'B');
  store_be(out + 20, new_shares());
  put_name(out + 24, symbol.name);
  store_be(out + 32, symbol.base_price);
  store_be(out + 36, ++last_match_);
  return 44;
}

OrderFlow::Order& OrderFlow::any_order(uint16_t locate) {
  return orders_of(locate)[random_.below(symbol_of(locate).live)];
}

void OrderFlow::take_out(uint16_t locate, Order& order) { order = orders_of(locate)[--symbol_of(locate).live]; }

uint32_t OrderFlow::new_price(Symbol& symbol, bool bid) {
  uint32_t& cents = bid ? symbol.bid_cents : symbol.offer_cents;
  cents = std::clamp(cents + random_.below(3) - 1, 1u, kCentsFromBaseMax);  // wanders a cent up or down, or stays
  const uint32_t distance = (cents + random_.below(kCentsDeep)) * kCent;
  return bid ? symbol.base_price - distance : symbol.base_price + distance;
}

// Mostly whole lots of 100.
uint32_t OrderFlow::new_shares() {
  return random_.below(8) == 0 ? 1 + random_.below(99) : 100 * (1 + random_.below(10));
}

// Less than all of them, in lots where there are several; all where there is only one share.
uint32_t OrderFlow::part_of(uint32_t shares) {
  if (shares > 100) return 100 * (1 + random_.below((shares - 1) / 100));
  return shares == 1 ? 1 : 1 + random_.below(shares - 1);
}

}  // namespace tapedeck::synth
