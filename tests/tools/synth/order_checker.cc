#include "tests/tools/synth/order_checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapedeck::synth {
namespace {

using core::Bytes;

template <class T>
T be(Bytes message, size_t at) {
  return core::load_be<T>(message.subspan(at, sizeof(T)).data());
}
char type_of(Bytes message) { return static_cast<char>(message[0]); }
uint16_t locate_of(Bytes message) { return be<uint16_t>(message, 1); }
uint64_t time_of(Bytes message) { return be<uint64_t>(message, 3) & 0xffff'ffff'ffff; }

const std::map<char, size_t> kSizes = {{'S', 12}, {'R', 39}, {'H', 25}, {'A', 36}, {'F', 40}, {'E', 31},
                                       {'C', 36}, {'X', 23}, {'D', 19}, {'U', 35}, {'P', 44}};

}  // namespace

void OrderChecker::complain(Bytes message, std::string_view what) {
  complaints_.push_back(fmt::format("message {} of type {}: {}", messages_, type_of(message), what));
}

void OrderChecker::check(Bytes message) {
  ++messages_;
  const auto size = kSizes.find(type_of(message));
  if (size == kSizes.end() || size->second != message.size()) return complain(message, "type or length");
  ++counts_[static_cast<uint8_t>(message[0])];
  check_head(message);
  switch (type_of(message)) {
    case 'R': return directory_entry(message);
    case 'H': return check_name(message, 11);
    case 'A':
    case 'F':
      check_name(message, 24);
      if (message[19] != std::byte{'B'} && message[19] != std::byte{'S'}) complain(message, "side");
      return enter(
          message, be<uint64_t>(message, 11),
          {locate_of(message), message[19] == std::byte{'B'}, be<uint32_t>(message, 20), be<uint32_t>(message, 32)});
    case 'C':
    case 'E':
      take_match(message, be<uint64_t>(message, 23));
      return take_shares(message, be<uint32_t>(message, 19), true);
    case 'X': return take_shares(message, be<uint32_t>(message, 19), false);
    case 'D':
      if (const auto order = find(message); order != orders_.end()) leave(order);
      return;
    case 'U': return replace(message);
    case 'P': check_name(message, 24); return take_match(message, be<uint64_t>(message, 36));
    default: return;
  }
}

void OrderChecker::check_head(Bytes message) {
  if (time_of(message) < last_time_ns_) complain(message, "time goes back");
  last_time_ns_ = time_of(message);
  if (be<uint16_t>(message, 3) != 0) complain(message, "tracking number");
  const char type = type_of(message);
  if ((type == 'S') != (locate_of(message) == 0)) complain(message, "locate 0 is for system events");
  if (type == 'S' || type == 'R') return;
  if (!names_.contains(locate_of(message))) complain(message, "locate without a directory entry");
  if (type != 'H') ++activity_[locate_of(message)];
}

void OrderChecker::check_name(Bytes message, size_t at) {
  if (core::as_text(message.subspan(at, 8)) != names_[locate_of(message)]) complain(message, "another symbol's name");
}

void OrderChecker::directory_entry(Bytes message) {
  const auto [at, is_new] = names_.emplace(locate_of(message), core::as_text(message.subspan(11, 8)));
  if (!is_new) complain(message, "a second directory entry");
}

void OrderChecker::enter(Bytes message, uint64_t reference, const Order& order) {
  if (order.shares == 0) complain(message, "no shares");
  if (!used_.insert(reference).second) complain(message, "reference used before");
  orders_.emplace(reference, order);
  Book& book = books_[order.locate];
  (order.bid ? book.bids : book.offers).insert(order.price);
  book.live_max = std::max(book.live_max, book.bids.size() + book.offers.size());
  if (!book.bids.empty() && !book.offers.empty() && *book.bids.rbegin() >= *book.offers.begin()) {
    complain(message, "the book is crossed");
  }
}

void OrderChecker::leave(Orders::iterator at) {
  Book& book = books_[at->second.locate];
  auto& side = at->second.bid ? book.bids : book.offers;
  side.erase(side.find(at->second.price));
  orders_.erase(at);
}

OrderChecker::Orders::iterator OrderChecker::find(Bytes message) {
  const auto order = orders_.find(be<uint64_t>(message, 11));
  if (order == orders_.end()) {
    complain(message, "no such order is alive");
  } else if (order->second.locate != locate_of(message)) {
    complain(message, "the order is of another locate");
  }
  return order;
}

void OrderChecker::take_shares(Bytes message, uint32_t shares, bool all_allowed) {
  const auto order = find(message);
  if (order == orders_.end()) return;
  uint32_t& left = order->second.shares;
  if (shares == 0 || shares > left) return complain(message, "more shares than there are, or none");
  if (shares == left && !all_allowed) complain(message, "a partial cancel of everything");
  left -= shares;
  if (left == 0) leave(order);
}

void OrderChecker::take_match(Bytes message, uint64_t match) {
  if (match != ++last_match_) complain(message, "match numbers do not count up");
}

void OrderChecker::replace(Bytes message) {
  const auto old = find(message);
  if (old == orders_.end()) return;
  const Order order{old->second.locate, old->second.bid, be<uint32_t>(message, 27), be<uint32_t>(message, 31)};
  leave(old);
  enter(message, be<uint64_t>(message, 19), order);
}

}  // namespace tapedeck::synth
