#include "engine/transport/session.h"

#include <gtest/gtest.h>

#include "tests/engine/transport/hostile_bytes.h"

namespace tapedeck::transport {
namespace {

template <class T>
T there_and_back(const T& message) {
  const std::string text = encode(message);
  auto read = decode_session_message(core::as_bytes(text));
  EXPECT_TRUE(read) << text;
  EXPECT_TRUE(read && std::holds_alternative<T>(*read)) << text;
  return std::get<T>(*read);
}

Receipt some_receipt() {
  return {.subscriber = "host:1",
          .complete = true,
          .problem = "none",
          .records = 10,
          .record_bytes = 1000,
          .frames = 3,
          .gaps = 1,
          .records_lost = 2,
          .damaged_blocks = 4,
          .repeated_records = 5,
          .bad_frames = 6,
          .lanes = {{core::Lane(3), {7, 0xdeadbeef}}, {core::Lane(1023), {3, 1}}},
          .begins_at = {{core::Lane(3), 4}},
          .late_p50_ns = 6,
          .late_p99_ns = 7,
          .late_max_ns = UINT64_MAX};
}

TEST(SessionMessage, SmallOnesComeBack) {
  const auto hello = there_and_back(Hello{.publisher = UINT64_MAX, .name = "a\"b\\"});
  EXPECT_EQ(hello.publisher, UINT64_MAX);
  EXPECT_EQ(hello.name, "a\"b\\");
  const auto progress = there_and_back(Progress{.records = 12, .sent_ns = -5});
  EXPECT_EQ(progress.records, 12u);
  EXPECT_EQ(progress.sent_ns, -5);
  const auto pong = there_and_back(Pong{.progress_sent_ns = 1, .received_ns = 2, .sent_ns = INT64_MAX});
  EXPECT_EQ(pong.progress_sent_ns, 1);
  EXPECT_EQ(pong.received_ns, 2);
  EXPECT_EQ(pong.sent_ns, INT64_MAX);
  EXPECT_EQ(there_and_back(Welcome{.publisher = 9}).publisher, 9u);
  const auto verdict = there_and_back(Verdict{.equal = true, .sentence = "all of it"});
  EXPECT_TRUE(verdict.equal);
  EXPECT_EQ(verdict.sentence, "all of it");
}

TEST(SessionMessage, AReceiptComesBackWithItsDigest) {
  const Receipt expected = some_receipt();
  const Receipt read = there_and_back(expected);
  EXPECT_EQ(read.subscriber, expected.subscriber);
  EXPECT_EQ(read.complete, expected.complete);
  EXPECT_EQ(read.problem, expected.problem);
  EXPECT_EQ(read.records, expected.records);
  EXPECT_EQ(read.record_bytes, expected.record_bytes);
  EXPECT_EQ(read.frames, expected.frames);
  EXPECT_EQ(read.gaps, expected.gaps);
  EXPECT_EQ(read.records_lost, expected.records_lost);
  EXPECT_EQ(read.damaged_blocks, expected.damaged_blocks);
  EXPECT_EQ(read.repeated_records, expected.repeated_records);
  EXPECT_EQ(read.bad_frames, expected.bad_frames);
  EXPECT_EQ(read.lanes, expected.lanes);
  EXPECT_EQ(read.begins_at, expected.begins_at);
  EXPECT_EQ(read.late_p50_ns, expected.late_p50_ns);
  EXPECT_EQ(read.late_p99_ns, expected.late_p99_ns);
  EXPECT_EQ(read.late_max_ns, expected.late_max_ns);
  EXPECT_EQ(read.digest(), expected.digest());
}

TEST(SessionMessage, OfAnUnknownTypeOrWithoutAKeyIsRefused) {
  EXPECT_FALSE(decode_session_message(core::as_bytes(R"({"version":0,"type":"reboot"})")));
  EXPECT_FALSE(decode_session_message(core::as_bytes(R"({"version":0,"type":"hello","name":"x"})")));
  EXPECT_FALSE(decode_session_message(core::as_bytes(R"({"version":0,"type":"welcome","publisher":"x"})")));
  EXPECT_FALSE(decode_session_message(core::as_bytes(R"({"type":"welcome","publisher":1})")));
  EXPECT_FALSE(decode_session_message(core::as_bytes(R"([1])")));
  EXPECT_FALSE(decode_session_message({}));
}

TEST(SessionMessage, HostileBytesAreOnlyRefused) {
  const auto decode = [](core::Bytes bytes) { static_cast<void>(decode_session_message(bytes)); };
  for (const SessionMessage& message :
       {SessionMessage(Hello{1, "n"}), SessionMessage(Progress{1, 2}), SessionMessage(Pong{1, 2, 3}),
        SessionMessage(Welcome{1}), SessionMessage(Verdict{true, "s"}), SessionMessage(some_receipt())}) {
    const std::string text = encode(message);
    bombard(core::as_bytes(text), 1, decode);
  }
}

}  // namespace
}  // namespace tapedeck::transport
