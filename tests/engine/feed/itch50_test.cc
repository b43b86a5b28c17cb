#include "engine/feed/itch50.h"

#include <gtest/gtest.h>

#include "engine/feed/moldudp64.h"
#include "engine/tape/lane_of.h"
#include "tests/engine/feed/scratch_tape.h"
#include "tests/engine/feed/wire.h"

namespace tapedeck::feed {
namespace {

using wire::itch;
using wire::mold;
using wire::mold_heartbeat;

constexpr core::Nanos kCaptured(1'577'716'200'000'040'000);  // 2019-12-30 09:30:00.00004 Eastern
constexpr uint64_t kHalfPastNine = 34'200'000'000'000;

struct Specified {
  char type;
  size_t length;
  size_t symbol_at;
};

// "Nasdaq TotalView-ITCH 5.0", section 1; O from its version of 2021.
constexpr Specified kSpecification[] = {
    {'S', 12, 0},  {'R', 39, 11}, {'H', 25, 11}, {'Y', 20, 11}, {'L', 26, 15}, {'V', 35, 0},
    {'W', 12, 0},  {'K', 28, 11}, {'J', 35, 11}, {'h', 21, 11}, {'A', 36, 24}, {'F', 40, 24},
    {'E', 31, 0},  {'C', 36, 0},  {'X', 23, 0},  {'D', 19, 0},  {'U', 35, 0},  {'P', 44, 24},
    {'Q', 40, 19}, {'B', 19, 0},  {'I', 50, 28}, {'N', 20, 11}, {'O', 48, 11},
};

class Itch50Test : public ::testing::Test {
 protected:
  Fit examine(std::string_view payload) { return decoder_.examine(core::as_bytes(payload), head_, messages_); }

  // The messages of a payload, which must outlive them.
  std::vector<Message> decode(std::string_view payload) {
    EXPECT_GE(examine(payload), Fit::kFraming);
    decoder_.decode({core::as_bytes(payload), kCaptured}, flow_, messages_);
    return messages_;
  }
  std::string name_of(const Message& message) const { return tape_.name_of(message.place.topic); }

  ScratchTape tape_;
  TopicBook book_{tape_.writer()};
  Itch50Decoder decoder_{"itch50", book_};
  Flow flow_;
  PacketHead head_;
  std::vector<Message> messages_;
};

TEST_F(Itch50Test, KnowsEveryTypeByItsLength) {
  for (const Specified& type : kSpecification) {
    EXPECT_EQ(examine(mold("S1", 1, {itch(type.type, type.length, 1, 0)})), Fit::kProven) << type.type;
    EXPECT_EQ(examine(mold("S1", 1, {itch(type.type, type.length + 1, 1, 0)})), Fit::kFraming) << type.type;
    EXPECT_EQ(examine(mold("S1", 1, {itch(type.type, type.length - 1, 1, 0)})), Fit::kFraming) << type.type;
  }
  int known = 0;
  for (int type = 0; type < 256; ++type) known += itch50_type(static_cast<std::byte>(type)).length > 0;
  EXPECT_EQ(known, static_cast<int>(std::size(kSpecification)));
}

TEST_F(Itch50Test, TakesTheNameFromEveryTypeThatCarriesOne) {
  uint16_t locate = 1;
  for (const Specified& type : kSpecification) {
    const std::string payload = mold("S1", 1, {itch(type.type, type.length, locate, 0, "SYM", type.symbol_at)});
    const std::string expected = type.symbol_at > 0 ? "itch50/SYM" : "itch50/@" + std::to_string(locate);
    EXPECT_EQ(name_of(decode(payload).at(0)), expected) << type.type;
    ++locate;
  }
}

TEST_F(Itch50Test, ReadsSessionSequenceAndCount) {
  ASSERT_EQ(examine(mold("000010059B", 29632, {wire::itch_delete(1), wire::itch_delete(2)})), Fit::kProven);
  EXPECT_EQ(head_.sequence, 29632u);
  EXPECT_EQ(head_.count, 2u);
  EXPECT_EQ(decoder_.session_text(head_.session), "000010059B");
}

TEST_F(Itch50Test, RefusesPacketsThatDoNotEndOnTheirLastMessage) {
  const std::string whole = mold("S1", 1, {wire::itch_delete(1), wire::itch_delete(2)});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(examine(std::string_view(whole).substr(0, size)), Fit::kNone) << size;
  }
  EXPECT_EQ(examine(whole), Fit::kProven);
  EXPECT_EQ(examine(whole + "x"), Fit::kNone);
  EXPECT_EQ(examine(mold_heartbeat("S1", 1) + "x"), Fit::kNone);
}

TEST_F(Itch50Test, TakesAHeartbeatForProbableOnlyWithAProperSessionAndNumber) {
  EXPECT_EQ(examine(mold_heartbeat("000010059B", 7)), Fit::kProbable);
  EXPECT_EQ(head_.count, 0u);
  EXPECT_EQ(examine(mold_heartbeat("S 1", 7, kMoldEndOfSession)), Fit::kProbable);
  EXPECT_EQ(head_.count, 0u) << "the end of a session holds no messages";
  EXPECT_EQ(examine(mold_heartbeat("000010059B", 0)), Fit::kFraming);
  EXPECT_EQ(examine(mold_heartbeat("          ", 7)), Fit::kFraming);
  EXPECT_EQ(examine(mold_heartbeat("00001005-B", 7)), Fit::kFraming);
  EXPECT_EQ(examine(std::string(20, '\0')), Fit::kFraming);
}

TEST_F(Itch50Test, GivesMessagesInOrderWithTimeLaneAndPayload) {
  const std::string first = wire::itch_add(7, "AAPL", kHalfPastNine);
  const std::string second = wire::itch_delete(7, kHalfPastNine + 1);
  const std::string payload = mold("S1", 1, {first, second});
  const std::vector<Message> messages = decode(payload);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(core::as_text(messages[0].bytes), first);
  EXPECT_EQ(core::as_text(messages[1].bytes), second);
  EXPECT_EQ(messages[0].source_time, core::Nanos(1'577'716'200'000'000'000));
  EXPECT_EQ(messages[1].source_time, core::Nanos(1'577'716'200'000'000'001));
  EXPECT_EQ(messages[0].place, messages[1].place);
  EXPECT_EQ(messages[0].place.lane, tape::lane_of("itch50", core::as_bytes(std::string_view("\0\7", 2)), 16));
}

TEST_F(Itch50Test, NamesEarlierMessagesOfALocateToo) {
  const std::string payload = mold("S1", 1, {wire::itch_delete(7), wire::itch_directory(7, "BRK/B")});
  const std::vector<Message> messages = decode(payload);
  EXPECT_EQ(messages.at(0).place, messages.at(1).place);
  EXPECT_EQ(name_of(messages[0]), "itch50/BRK%2FB");
}

TEST_F(Itch50Test, KeepsWhatIsToldInAnUnknownWay) {
  const std::string unknown = itch('z', 15, 7, kHalfPastNine);
  const std::string longer = itch('A', 40, 8, 0, "NOT", 24);  // a symbol's place is certain only at the known length
  const std::string payload = mold("S1", 1, {unknown, longer, "short", ""});
  EXPECT_EQ(examine(payload), Fit::kFraming);
  const std::vector<Message> messages = decode(payload);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(name_of(messages[0]), "itch50/@7");
  EXPECT_EQ(messages[0].source_time, core::Nanos(1'577'716'200'000'000'000));
  EXPECT_EQ(name_of(messages[1]), "itch50/@8");
  EXPECT_EQ(name_of(messages[2]), "itch50/@0.0.0.0:0") << "too short for a locate: the flow's topic";
  EXPECT_EQ(messages[2].source_time, core::Nanos(0));
  EXPECT_EQ(messages[3].place, messages[2].place);
  EXPECT_TRUE(messages[3].bytes.empty());
}

TEST_F(Itch50Test, GivesNothingForAHeartbeatAndMakesNoTopic) {
  EXPECT_TRUE(decode(mold_heartbeat("S1", 7)).empty());
  EXPECT_TRUE(decode(mold_heartbeat("S1", 7, kMoldEndOfSession)).empty());
  EXPECT_EQ(tape_.writer().topic_count(), 0u);
}

TEST(MoldSession, IsWrittenTrimmedAndPrintable) {
  const auto text = [](std::string_view session) {
    const std::string payload = mold_heartbeat(session, 1);
    return mold_session_text(mold_session(core::as_bytes(payload)));
  };
  EXPECT_EQ(text("20191230XX"), "20191230XX");
  EXPECT_EQ(text("A B"), "A B");
  EXPECT_EQ(text(std::string(10, '\0')), "");
  EXPECT_EQ(text("A\x01\xff"), "A??");
}

}  // namespace
}  // namespace tapedeck::feed
