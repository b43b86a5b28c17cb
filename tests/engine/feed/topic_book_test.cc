#include "engine/feed/topic_book.h"

#include <gtest/gtest.h>

#include "engine/tape/lane_of.h"
#include "tests/engine/feed/scratch_tape.h"

namespace tapedeck::feed {
namespace {

using core::as_bytes;

TEST(EncodeSymbol, TrimsOnTheRightAndKeepsWhatIsUnreserved) {
  EXPECT_EQ(encode_symbol("AAPL    "), "AAPL");
  EXPECT_EQ(encode_symbol("BRK.A-b_~9"), "BRK.A-b_~9");
  EXPECT_EQ(encode_symbol(std::string("X\0\0 ", 4)), "X");
  EXPECT_EQ(encode_symbol("   "), "");
}

TEST(EncodeSymbol, EncodesEverythingElse) {
  EXPECT_EQ(encode_symbol(" A/B+@%="), "%20A%2FB%2B%40%25%3D");
  EXPECT_EQ(encode_symbol(std::string("\0\xff\n", 3)), "%00%FF%0A");
}

class TopicBookTest : public ::testing::Test {
 protected:
  ScratchTape tape_;
  TopicBook book_{tape_.writer()};
};

TEST_F(TopicBookTest, GivesTheSameTopicForTheSameSymbolInTheLaneOfItsKey) {
  const TopicPlace a = book_.symbol("itch50", "AAPL    ", as_bytes("k1"));
  EXPECT_EQ(tape_.name_of(a.topic), "itch50/AAPL");
  EXPECT_EQ(a.lane, tape::lane_of("itch50", as_bytes("k1"), 16));
  EXPECT_EQ(book_.symbol("itch50", "AAPL", as_bytes("k1")), a);
  EXPECT_NE(book_.symbol("other", "AAPL", as_bytes("k1")).topic, a.topic);
}

TEST_F(TopicBookTest, KeepsATopicInOneLane) {
  const TopicPlace a = book_.symbol("itch50", "AAPL", as_bytes("k1"));
  std::string other_key = "k2";
  while (tape::lane_of("itch50", as_bytes(other_key), 16) == a.lane) other_key += 'x';
  const TopicPlace b = book_.symbol("itch50", "AAPL", as_bytes(other_key));
  EXPECT_NE(b.topic, a.topic);
  EXPECT_EQ(tape_.name_of(b.topic), tape_.name_of(a.topic));
}

TEST_F(TopicBookTest, MarksTopicsWithoutASymbol) {
  EXPECT_EQ(tape_.name_of(book_.keyed("raw", "239.1.2.3:5000", as_bytes("k")).topic), "raw/@239.1.2.3:5000");
  EXPECT_EQ(book_.keyed("raw", "system", as_bytes("k")), book_.keyed("raw", "system", as_bytes("k")));
  EXPECT_NE(book_.unnamed("itch50", "17", as_bytes("k")), book_.unnamed("itch50", "17", as_bytes("k")));
}

TEST_F(TopicBookTest, NamesATopicLate) {
  const TopicPlace late = book_.unnamed("itch50", "17", as_bytes("k"));
  EXPECT_EQ(tape_.name_of(late.topic), "itch50/@17");
  EXPECT_EQ(book_.name(late, "itch50", "AAPL    "), late);
  EXPECT_EQ(tape_.name_of(late.topic), "itch50/AAPL");
  EXPECT_EQ(book_.symbol("itch50", "AAPL", as_bytes("k")), late);
}

TEST_F(TopicBookTest, GoesOnInTheEarlierTopicOfALateName) {
  const TopicPlace early = book_.symbol("itch50", "AAPL", as_bytes("k"));
  const TopicPlace late = book_.unnamed("itch50", "17", as_bytes("k"));
  EXPECT_EQ(book_.name(late, "itch50", "AAPL"), early);
  EXPECT_EQ(tape_.name_of(late.topic), "itch50/AAPL") << "what is written under it has its name, too";
}

TEST_F(TopicBookTest, PutsEverythingBeyondItsLimitIntoOneTopicOfEachLane) {
  TopicBook book(tape_.writer(), 2);
  const TopicPlace a = book.symbol("f", "A", as_bytes("k"));
  const TopicPlace b = book.unnamed("f", "1", as_bytes("k"));
  const TopicPlace c = book.symbol("f", "C", as_bytes("k"));
  const TopicPlace d = book.unnamed("f", "2", as_bytes("k"));
  EXPECT_EQ(tape_.name_of(c.topic), "f/@other");
  EXPECT_EQ(d, c);
  EXPECT_EQ(book.name(d, "f", "D"), c) << "it is never renamed";
  EXPECT_EQ(tape_.name_of(c.topic), "f/@other");
  EXPECT_EQ(book.symbol("f", "A", as_bytes("k")), a);
  EXPECT_EQ(tape_.name_of(b.topic), "f/@1");
}

}  // namespace
}  // namespace tapedeck::feed
