#include "engine/feed/demultiplexer.h"

#include <gtest/gtest.h>

#include "tests/engine/feed/scratch_tape.h"
#include "tests/engine/feed/wire.h"

namespace tapedeck::feed {
namespace {

using wire::mold;
using wire::mold_heartbeat;

constexpr size_t kItch = static_cast<size_t>(Protocol::kItch50);
constexpr size_t kIex = static_cast<size_t>(Protocol::kIexTp);
constexpr size_t kRaw = static_cast<size_t>(Protocol::kRaw);

class DemultiplexerTest : public ::testing::Test {
 protected:
  // Sends a payload to 10.0.0.`host`, and gives the topics of its messages.
  std::vector<std::string> send(std::string_view payload, uint32_t host = 1, bool cut = false) {
    UdpPacket packet;
    packet.flow.destination = {core::byte_swap(0x0a000000u + host), 0};
    packet.flow.destination_port = 5000;
    packet.payload = core::as_bytes(payload);
    packet.cut = cut;
    const auto result = demultiplexer_->accept(packet, core::Nanos(++time_));
    gap_ = result.gap;
    std::vector<std::string> topics;
    for (const Message& message : result.messages) topics.push_back(tape_.name_of(message.place.topic));
    return topics;
  }
  void start(const FeedOptions& options) { demultiplexer_.emplace(options, book_); }
  [[nodiscard]] const FeedCounts& counts() const { return demultiplexer_->counts(); }

  using Topics = std::vector<std::string>;
  const Topics raw_topic_{"raw/@10.0.0.1:5000"};
  const std::string itch_packet_ = mold("S1", 1, {wire::itch_add(7, "AAPL")});

  ScratchTape tape_;
  TopicBook book_{tape_.writer()};
  std::optional<Demultiplexer> demultiplexer_{std::in_place, FeedOptions{}, book_};
  const tape::Loss* gap_ = nullptr;  // of the last packet
  uint64_t time_ = 100;
};

TEST_F(DemultiplexerTest, RecognisesEachPacketByItself) {
  EXPECT_EQ(send(itch_packet_), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(wire::iex({}, {wire::iex_message('Q', 42, 0, "ZIEXT")})), Topics{"iextp/ZIEXT"});
  EXPECT_EQ(send("nobody's"), raw_topic_);
  EXPECT_EQ(send(itch_packet_), Topics{"itch50/AAPL"});
  EXPECT_EQ(counts().by_protocol[kItch].packets, 2u);
  EXPECT_EQ(counts().by_protocol[kItch].messages, 2u);
  EXPECT_EQ(counts().by_protocol[kIex].messages, 1u);
  EXPECT_EQ(counts().by_protocol[kRaw].packets, 1u);
  EXPECT_EQ(counts().by_protocol[kRaw].messages, 0u);
  EXPECT_EQ(counts().unknown, 1u);
  EXPECT_EQ(demultiplexer_->messages(), 3u);
}

TEST_F(DemultiplexerTest, KeepsAnEmptyPayloadAsARecord) {
  EXPECT_EQ(send(""), raw_topic_);
  EXPECT_EQ(counts().unknown, 1u);
}

TEST_F(DemultiplexerTest, BelievesFramingAloneOnlyOnAFlowThatHasShownTheProtocol) {
  const std::string unknown_type = mold("S1", 2, {wire::itch('z', 15, 7, 0)});
  EXPECT_EQ(send(unknown_type), raw_topic_);
  EXPECT_EQ(send(itch_packet_), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(unknown_type), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(unknown_type, 2), Topics{"raw/@10.0.0.2:5000"});
  EXPECT_EQ(send(mold("S1", 3, {""})), Topics{"itch50/@10.0.0.1:5000"}) << "a message of no bytes";
}

TEST_F(DemultiplexerTest, BelievesAHeartbeatOnAFlowThatHasShownNothingElse) {
  EXPECT_EQ(send(mold_heartbeat("000010059B", 1)), Topics{});
  EXPECT_EQ(counts().heartbeats, 1u);
  EXPECT_EQ(send(mold("000010059B", 1, {"not ITCH 5.0"})), raw_topic_) << "the heartbeat proved nothing";
  EXPECT_EQ(send(mold_heartbeat("000010059B", 2)), raw_topic_) << "the flow is another protocol's";
  EXPECT_EQ(counts().heartbeats, 1u);
  EXPECT_EQ(counts().unknown, 2u);
}

TEST_F(DemultiplexerTest, BelievesAnyHeartbeatOnAFlowOfItsProtocol) {
  EXPECT_EQ(send(std::string(20, '\0')), raw_topic_);
  EXPECT_EQ(send(itch_packet_), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(std::string(20, '\0')), Topics{});
}

TEST_F(DemultiplexerTest, KeepsDamagedPacketsOfAKnownFlowAsRaw) {
  EXPECT_EQ(send(itch_packet_), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(itch_packet_ + "x"), raw_topic_);
  EXPECT_EQ(send(itch_packet_, 1, true), raw_topic_) << "cut by the capture";
  EXPECT_EQ(counts().unknown, 2u);
  EXPECT_EQ(send(mold("S1", 2, {wire::itch_delete(7)})), Topics{"itch50/AAPL"});
}

TEST_F(DemultiplexerTest, TellsAGapWithItsSessionAndTime) {
  send(itch_packet_);
  EXPECT_FALSE(gap_);
  send(mold("S1", 5, {wire::itch_delete(7)}));
  ASSERT_TRUE(gap_);
  EXPECT_EQ(gap_->cause, tape::LossCause::kSequenceGap);
  EXPECT_EQ(gap_->first, 2u);
  EXPECT_EQ(gap_->count, 3u);
  EXPECT_EQ(gap_->time, core::Nanos(time_));
  EXPECT_EQ(gap_->session, "S1");
}

TEST_F(DemultiplexerTest, FollowsTheNumbersOfEachFlowApart) {
  send(itch_packet_, 1);
  send(mold("S1", 50, {wire::itch_delete(7)}), 2);
  EXPECT_FALSE(gap_);
  send(mold("S1", 2, {wire::itch_delete(7)}), 1);
  EXPECT_FALSE(gap_);
  send(mold_heartbeat("S1", 52), 2);
  ASSERT_TRUE(gap_);
  EXPECT_EQ(gap_->first, 51u);
}

TEST_F(DemultiplexerTest, CountsRepeatsResetsAndNewSessions) {
  const std::string four = mold("S1", 7, std::vector(4, wire::itch_delete(7)));
  EXPECT_EQ(send(four).size(), 4u);
  EXPECT_EQ(send(four).size(), 4u) << "a repeat is recorded";
  EXPECT_EQ(counts().repeated, 4u);
  send(mold("S1", 1, {wire::itch_delete(7)}));
  EXPECT_EQ(counts().resets, 1u);
  send(mold("S2", 90, {wire::itch_delete(7)}));
  EXPECT_EQ(counts().new_sessions, 1u);
  EXPECT_FALSE(gap_);
}

TEST_F(DemultiplexerTest, SharesNamesBetweenTheTwoLinesOfAFeedButNotBetweenSessions) {
  EXPECT_EQ(send(mold("S1", 1, {wire::itch_directory(7, "AAPL")}), 1), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(mold("S1", 2, {wire::itch_delete(7)}), 2), Topics{"itch50/AAPL"});
  EXPECT_EQ(send(mold("S2", 1, {wire::itch_delete(7)}), 1), Topics{"itch50/@7"});
  EXPECT_EQ(send(mold("S2", 2, {wire::itch_directory(7, "MSFT")}), 1), Topics{"itch50/MSFT"});
  EXPECT_EQ(send(mold("S1", 3, {wire::itch_delete(7)}), 2), Topics{"itch50/AAPL"});
}

TEST_F(DemultiplexerTest, FindsMidnightAnewInEachSession) {
  constexpr uint64_t kHour_ns = 3'600'000'000'000;
  const auto time_of = [this](std::string_view session, uint64_t captured_ns, uint64_t time_of_day) {
    const std::string payload = mold(session, 1, {wire::itch_delete(7, time_of_day)});
    const UdpPacket packet{.flow = {}, .payload = core::as_bytes(payload), .cut = false};
    return demultiplexer_->accept(packet, core::Nanos(captured_ns)).messages[0].source_time;
  };
  EXPECT_EQ(time_of("S1", 100 * kHour_ns, 9 * kHour_ns), core::Nanos(100 * kHour_ns));
  EXPECT_EQ(time_of("S1", 101 * kHour_ns, 9 * kHour_ns), core::Nanos(100 * kHour_ns)) << "an hour late";
  EXPECT_EQ(time_of("S2", 101 * kHour_ns, 9 * kHour_ns), core::Nanos(101 * kHour_ns)) << "another zone";
}

TEST_F(DemultiplexerTest, DecodesByFramingAloneWhereTheProtocolIsForced) {
  start({.feed = "", .decode = Protocol::kItch50});
  EXPECT_EQ(send(mold("S1", 2, {wire::itch('z', 15, 7, 0)})), Topics{"itch50/@7"});
  EXPECT_EQ(send(std::string(20, '\0')), Topics{});
  EXPECT_EQ(send(wire::iex({}, {wire::iex_message('Q', 42, 0, "ZIEXT")})), raw_topic_);
  EXPECT_EQ(counts().unknown, 1u);
  start({.feed = "", .decode = Protocol::kIexTp});
  EXPECT_EQ(send(wire::iex({.protocol = 1}, {wire::iex_message('Q', 42, 0, "ZIEXT")})), Topics{"iextp/ZIEXT"});
  EXPECT_EQ(send(itch_packet_), raw_topic_);
}

TEST_F(DemultiplexerTest, TakesEveryPayloadForAMessageWhereRawIsForced) {
  start({.feed = "", .decode = Protocol::kRaw});
  EXPECT_EQ(send(itch_packet_), raw_topic_);
  EXPECT_EQ(send(itch_packet_, 1, true), raw_topic_);
  EXPECT_EQ(counts().by_protocol[kRaw].packets, 2u);
  EXPECT_EQ(counts().by_protocol[kRaw].messages, 1u);
  EXPECT_EQ(counts().unknown, 1u) << "the one that was cut";
}

TEST_F(DemultiplexerTest, NamesAllTopicsForTheFeedThatItIsTold) {
  start({.feed = "NASDAQ", .decode = std::nullopt});
  EXPECT_EQ(send(itch_packet_), Topics{"NASDAQ/AAPL"});
  EXPECT_EQ(send("nobody's"), Topics{"NASDAQ/@10.0.0.1:5000"});
}

}  // namespace
}  // namespace tapedeck::feed
