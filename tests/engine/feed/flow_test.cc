#include "engine/feed/flow.h"

#include <gtest/gtest.h>

#include <set>

namespace tapedeck::feed {
namespace {

FlowKey key(uint32_t n) {
  FlowKey flow;
  flow.destination = {n, 0};
  flow.destination_port = static_cast<uint16_t>(n * 7);
  return flow;
}

TEST(FlowTable, RemembersEachFlowAsItGrows) {
  FlowTable table;
  std::set<Flow*> flows;
  for (uint32_t n = 0; n < 5000; ++n) flows.insert(&table.find(key(n)));
  EXPECT_EQ(flows.size(), 5000u);
  EXPECT_EQ(table.size(), 5000u);
  for (uint32_t n = 0; n < 5000; ++n) {
    Flow& flow = table.find(key(n));
    EXPECT_EQ(flow.key, key(n));
    EXPECT_TRUE(flows.contains(&flow)) << "it stays where it is";
  }
  EXPECT_EQ(table.untracked_packets(), 0u);
}

TEST(FlowTable, TakesEachPacketOfAFlowBeyondItsLimitForTheFirst) {
  FlowTable table(2);
  table.find(key(1)).foreign = true;
  table.find(key(2)).foreign = true;
  table.find(key(3)).foreign = true;
  EXPECT_FALSE(table.find(key(3)).foreign);
  EXPECT_EQ(table.find(key(4)).key, key(4));
  EXPECT_TRUE(table.find(key(1)).foreign);
  EXPECT_TRUE(table.find(key(2)).foreign);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.untracked_packets(), 3u);
}

}  // namespace
}  // namespace tapedeck::feed
