#include "engine/feed/locate_table.h"

#include <gtest/gtest.h>

#include "engine/tape/lane_of.h"
#include "tests/engine/feed/scratch_tape.h"
#include "tests/engine/feed/wire.h"

namespace tapedeck::feed {
namespace {

class LocateTableTest : public ::testing::Test {
 protected:
  static TopicPlace named(LocateTable& table, uint16_t locate, std::string_view symbol) {
    return table.place(locate, core::load_le<uint64_t>(core::as_bytes(wire::padded(symbol, 8)).data()));
  }
  std::string name_of(TopicPlace place) const { return tape_.name_of(place.topic); }

  ScratchTape tape_;
  TopicBook book_{tape_.writer()};
  LocateTables tables_{"itch50", book_};
};

TEST_F(LocateTableTest, PutsALocateIntoTheLaneOfItsTwoBytes) {
  LocateTable& table = tables_.of({{1, 0}});
  const std::string key = wire::be(0x1234, 2);
  EXPECT_EQ(table.place(0x1234).lane, tape::lane_of("itch50", core::as_bytes(key), 16));
  EXPECT_EQ(named(table, 0x1234, "AAPL").lane, table.place(0x1234).lane) << "a name never moves it";
}

TEST_F(LocateTableTest, RenamesALocateThatWasUsedBeforeItWasNamed) {
  LocateTable& table = tables_.of({{1, 0}});
  const TopicPlace before = table.place(17);
  EXPECT_EQ(name_of(before), "itch50/@17");
  EXPECT_EQ(named(table, 17, "AAPL"), before);
  EXPECT_EQ(name_of(before), "itch50/AAPL");
  EXPECT_EQ(table.place(17), before);
}

TEST_F(LocateTableTest, GoesOnInAnotherTopicWhenALocateChangesItsSymbol) {
  LocateTable& table = tables_.of({{1, 0}});
  const TopicPlace a = named(table, 17, "AAPL");
  const TopicPlace b = named(table, 17, "MSFT");
  EXPECT_EQ(name_of(a), "itch50/AAPL");
  EXPECT_EQ(name_of(b), "itch50/MSFT");
  EXPECT_EQ(table.place(17), b);
  EXPECT_EQ(named(table, 17, "AAPL"), a) << "back to the topic that it had";
}

TEST_F(LocateTableTest, NeverNamesLocateZeroNorTakesABlankName) {
  LocateTable& table = tables_.of({{1, 0}});
  EXPECT_EQ(name_of(named(table, 0, "AAPL")), "itch50/@0");
  EXPECT_EQ(name_of(named(table, 5, "")), "itch50/@5");
  EXPECT_EQ(named(table, 5, "IBM"), table.place(5));
  EXPECT_EQ(name_of(named(table, 5, "")), "itch50/IBM");
}

TEST_F(LocateTableTest, CoversAllLocates) {
  LocateTable& table = tables_.of({{1, 0}});
  for (const uint16_t locate : std::initializer_list<uint16_t>{1, 255, 256, 65535}) {
    EXPECT_EQ(name_of(table.place(locate)), "itch50/@" + std::to_string(locate));
  }
}

TEST_F(LocateTableTest, KeepsTheNamesOfSessionsApart) {
  const TopicPlace a = named(tables_.of({{1, 0}}), 17, "AAPL");
  const TopicPlace unnamed = tables_.of({{2, 0}}).place(17);
  EXPECT_EQ(name_of(unnamed), "itch50/@17");
  EXPECT_EQ(name_of(named(tables_.of({{2, 0}}), 17, "MSFT")), "itch50/MSFT");
  EXPECT_EQ(tables_.of({{1, 0}}).place(17), a);
  EXPECT_EQ(name_of(a), "itch50/AAPL");
}

TEST_F(LocateTableTest, GivesOneTopicToASymbolThatKeepsItsLocateInTheNextSession) {
  const TopicPlace a = named(tables_.of({{1, 0}}), 17, "AAPL");
  EXPECT_EQ(named(tables_.of({{2, 0}}), 17, "AAPL"), a);
}

TEST_F(LocateTableTest, ForgetsTheOldestOfTooManySessions) {
  const TopicPlace first = named(tables_.of({{1, 0}}), 17, "AAPL");
  for (uint64_t session = 2; session <= LocateTables::kSessionsMax; ++session) {
    static_cast<void>(tables_.of({{session, 0}}));
  }
  EXPECT_EQ(tables_.of({{1, 0}}).place(17), first) << "there was room for all";
  static_cast<void>(tables_.of({{1000, 0}}));
  EXPECT_EQ(name_of(tables_.of({{1, 0}}).place(17)), "itch50/@17");
  EXPECT_EQ(name_of(first), "itch50/AAPL");
}

}  // namespace
}  // namespace tapedeck::feed
