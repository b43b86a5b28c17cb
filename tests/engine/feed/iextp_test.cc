#include "engine/feed/iextp.h"

#include <gtest/gtest.h>

#include "engine/tape/lane_of.h"
#include "tests/engine/feed/scratch_tape.h"
#include "tests/engine/feed/wire.h"

namespace tapedeck::feed {
namespace {

using wire::iex;
using wire::iex_message;

class IexTpTest : public ::testing::Test {
 protected:
  Fit examine(std::string_view payload) { return decoder_.examine(core::as_bytes(payload), head_, messages_); }
  std::vector<Message> decode(std::string_view payload) {
    EXPECT_GE(examine(payload), Fit::kFraming);
    decoder_.decode({core::as_bytes(payload), core::Nanos(5)}, flow_, messages_);
    return messages_;
  }
  std::string name_of(const Message& message) const { return tape_.name_of(message.place.topic); }

  ScratchTape tape_;
  TopicBook book_{tape_.writer()};
  IexTpDecoder decoder_{"iextp", book_};
  Flow flow_;
  PacketHead head_;
  std::vector<Message> messages_;
  const std::string quote_ = iex_message('Q', 42, 77, "ZIEXT");
};

TEST_F(IexTpTest, KnowsItsMessageProtocols) {
  for (uint16_t protocol = 0x8000; protocol < 0x8008; ++protocol) {
    const bool known = protocol >= 0x8002 && protocol <= 0x8005;
    EXPECT_EQ(examine(iex({.protocol = protocol}, {quote_})), known ? Fit::kProven : Fit::kFraming) << protocol;
  }
  EXPECT_EQ(examine(iex({.version = 2}, {quote_})), Fit::kNone);
}

TEST_F(IexTpTest, ReadsSessionSequenceAndCount) {
  ASSERT_EQ(examine(iex({.session = 0x441c0abc, .sequence = 12}, {quote_, quote_})), Fit::kProven);
  EXPECT_EQ(head_.sequence, 12u);
  EXPECT_EQ(head_.count, 2u);
  EXPECT_EQ(decoder_.session_text(head_.session), "441c0abc");
  const SessionId session = head_.session;
  ASSERT_EQ(examine(iex({.channel = 2, .session = 0x441c0abc}, {quote_})), Fit::kProven);
  EXPECT_NE(head_.session, session) << "channels number their messages apart";
}

TEST_F(IexTpTest, TakesAHeartbeatForProven) {
  EXPECT_EQ(examine(iex({.sequence = 3}, {})), Fit::kProven);
  EXPECT_EQ(head_.count, 0u);
  EXPECT_TRUE(decode(iex({.sequence = 3}, {})).empty());
}

TEST_F(IexTpTest, RefusesPacketsThatDoNotEndOnTheirLastMessage) {
  const std::string whole = iex({}, {quote_, quote_});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(examine(std::string_view(whole).substr(0, size)), Fit::kNone) << size;
  }
  EXPECT_EQ(examine(whole + "x"), Fit::kNone);
  std::string one_too_few = whole;
  one_too_few[14] = 1;
  EXPECT_EQ(examine(one_too_few), Fit::kNone);
  std::string one_too_many = whole;
  one_too_many[14] = 3;
  EXPECT_EQ(examine(one_too_many), Fit::kNone);
}

TEST_F(IexTpTest, GivesMessagesWithTheirTimeTopicAndTheLaneOfTheirSymbol) {
  const std::string trade = iex_message('T', 38, 78, "A+B");
  const std::string payload = iex({}, {quote_, trade, quote_});
  const std::vector<Message> messages = decode(payload);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(core::as_text(messages[0].bytes), quote_);
  EXPECT_EQ(messages[0].source_time, core::Nanos(77));
  EXPECT_EQ(name_of(messages[0]), "iextp/ZIEXT");
  EXPECT_EQ(messages[0].place.lane, tape::lane_of("iextp", core::as_bytes("ZIEXT   "), 16));
  EXPECT_EQ(name_of(messages[1]), "iextp/A%2BB");
  EXPECT_EQ(messages[2].place, messages[0].place);
}

TEST_F(IexTpTest, PutsMessagesWithoutASymbolIntoTheSystemTopic) {
  const std::string event = iex_message('S', 10, 79, "");
  const std::string payload =
      iex({}, {event, iex_message('Q', 42, 0, ""), iex_message('z', 20, 0, "\x01"), "tiny", ""});
  const std::vector<Message> messages = decode(payload);
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(name_of(messages[0]), "iextp/@system");
  EXPECT_EQ(messages[0].source_time, core::Nanos(79));
  EXPECT_EQ(messages[0].place.lane, tape::lane_of("iextp", DestinationKey(flow_.key).bytes(), 16));
  for (const Message& message : messages) EXPECT_EQ(message.place, messages[0].place);
  EXPECT_EQ(messages[3].source_time, core::Nanos(0));
}

}  // namespace
}  // namespace tapedeck::feed
