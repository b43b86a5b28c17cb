#include "tools/synth/order_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "tests/tools/synth/order_checker.h"

namespace tapedeck::synth {
namespace {

using ::testing::IsEmpty;

// Runs a whole session past the checker; `see` gets each message, too.
template <class See>
OrderChecker run(const OrderFlowOptions& options, See see) {
  OrderChecker checker;
  OrderFlow flow(options);
  std::array<std::byte, OrderFlow::kMessageBytesMax> message;
  for (uint64_t time_ns = 34'200'000'000'000; !flow.at_end(); time_ns += 10'000) {
    const size_t size = flow.next(time_ns, message.data());
    checker.check({message.data(), size});
    see(core::Bytes(message.data(), size));
  }
  return checker;
}

OrderChecker run(const OrderFlowOptions& options) {
  return run(options, [](core::Bytes) {});
}

TEST(OrderFlow, RefersOnlyToLiveOrdersOfTheSameLocateWithEnoughShares) {
  for (const uint32_t symbols : {1u, 10u, 1000u}) {
    const OrderChecker checker = run({.messages = 200'000, .symbols = symbols, .seed = symbols});
    EXPECT_EQ(checker.messages(), 200'000u);
    EXPECT_THAT(checker.complaints(), IsEmpty());
  }
}

TEST(OrderFlow, OpensAndClosesTheSessionAndListsEachSymbolOnce) {
  std::string types, codes;
  const OrderChecker checker = run({.messages = 1000, .symbols = 300}, [&](core::Bytes message) {
    types += static_cast<char>(message[0]);
    if (types.back() == 'S') codes += static_cast<char>(message[11]);
  });
  EXPECT_EQ(types.substr(0, 601), "S" + std::string(300, 'R') + std::string(300, 'H'));
  EXPECT_EQ(types.substr(601, 398).find_first_of("SRH"), std::string::npos);
  EXPECT_EQ(types.back(), 'S');
  EXPECT_EQ(codes, "OC");
  EXPECT_EQ(checker.names().size(), 300u);
}

TEST(OrderFlow, PadsNamesAndUsesNoneTwice) {
  const OrderChecker checker = run({.messages = 140'000, .symbols = OrderFlow::kSymbolsMax});
  EXPECT_EQ(checker.names().at(1), "T0001   ");
  EXPECT_EQ(checker.names().at(65535), "T65535  ");
  std::set<std::string> names;
  for (const auto& [locate, name] : checker.names()) names.insert(name);
  EXPECT_EQ(names.size(), 65535u);
}

TEST(OrderFlow, MixesMessagesLikeAVenue) {
  const OrderChecker checker = run({.messages = 500'000, .symbols = 100});
  const auto share = [&](std::string_view types) {
    double count = 0;
    for (const char type : types) count += static_cast<double>(checker.count(type));
    return count / 500'000;
  };
  EXPECT_NEAR(share("AF"), 0.45, 0.02);
  EXPECT_NEAR(share("D"), 0.40, 0.02);
  EXPECT_NEAR(share("U"), 0.08, 0.01);
  EXPECT_NEAR(share("EC"), 0.055, 0.01);
  EXPECT_NEAR(share("X"), 0.01, 0.005);
  EXPECT_NEAR(share("P"), 0.005, 0.003);
  EXPECT_GT(checker.count('F'), 0u);
  EXPECT_GT(checker.count('C'), 0u);
}

TEST(OrderFlow, KeepsNoMoreLiveOrdersThanItsPartForASymbol) {
  constexpr uint32_t kSymbols = 20'000;
  OrderChecker checker = run({.messages = 400'000, .symbols = kSymbols});
  EXPECT_THAT(checker.complaints(), IsEmpty());
  EXPECT_EQ(checker.live_orders_max(1), OrderFlow::kLiveOrdersMax / kSymbols);  // the most active is held at its part
  size_t most = 0;
  for (const auto& [locate, name] : checker.names()) most = std::max(most, checker.live_orders_max(locate));
  EXPECT_EQ(most, OrderFlow::kLiveOrdersMax / kSymbols);
}

// The slope of log(activity) over log(locate), by least squares over the most active symbols.
double slope_of(const OrderChecker& checker, uint16_t symbols) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (uint16_t locate = 1; locate <= symbols; ++locate) {
    const double x = std::log(static_cast<double>(locate));
    const double y = std::log(static_cast<double>(checker.activity().at(locate)));
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (symbols * sxy - sx * sy) / (symbols * sxx - sx * sx);
}

TEST(OrderFlow, SpreadsItsMessagesOverSymbolsByZipf) {
  for (const double zipf : {0.0, 0.7, 1.0, 1.3}) {
    const OrderChecker checker = run({.messages = 500'000, .symbols = 200, .zipf = zipf});
    EXPECT_NEAR(slope_of(checker, 50), -zipf, 0.05);
  }
}

TEST(OrderFlow, AcceptsTheSmallestSession) {
  for (const uint32_t symbols : {1u, 7u}) {
    const OrderChecker checker = run({.messages = OrderFlow::messages_min(symbols), .symbols = symbols});
    EXPECT_EQ(checker.messages(), 2 * symbols + 3);
    EXPECT_THAT(checker.complaints(), IsEmpty());
    EXPECT_EQ(checker.count('A') + checker.count('F') + checker.count('P'), 1u);
  }
}

}  // namespace
}  // namespace tapedeck::synth
