#include "engine/transport/plain_message.h"

#include <gtest/gtest.h>

#include "tests/engine/transport/hostile_bytes.h"

namespace tapedeck::transport {
namespace {

PlainMessage some_message() {
  return {.topic = "iextp/A",
          .sequence = 0x0102,
          .capture_time = core::Nanos(3),
          .source_time = core::Nanos(4),
          .sent_ns = 5,
          .payload = core::as_bytes("pay")};
}

std::vector<std::byte> written(const PlainMessage& message) {
  std::vector<std::byte> bytes(plain_size(message));
  write_plain(bytes.data(), message);
  return bytes;
}

// As docs/wire-protocol.md describes it; clients in other languages rely on it.
TEST(PlainMessage, IsWrittenByteForByteAsDocumented) {
  using namespace std::string_literals;
  const std::string expected =
      "iextp/A\0"
      "\x02\x01\0\0\0\0\0\0"
      "\x03\0\0\0\0\0\0\0"
      "\x04\0\0\0\0\0\0\0"
      "\x05\0\0\0\0\0\0\0"
      "pay"s;
  EXPECT_EQ(core::as_text(written(some_message())), expected);
}

TEST(PlainMessage, ComesBack) {
  const std::vector<std::byte> bytes = written(some_message());
  PlainMessage read;
  ASSERT_TRUE(read_plain(bytes, read));
  EXPECT_EQ(read.topic, "iextp/A");
  EXPECT_EQ(read.sequence, 0x0102u);
  EXPECT_EQ(read.capture_time, core::Nanos(3));
  EXPECT_EQ(read.source_time, core::Nanos(4));
  EXPECT_EQ(read.sent_ns, 5u);
  EXPECT_EQ(core::as_text(read.payload), "pay");
}

TEST(PlainMessage, MayHaveNoPayloadAndMustHaveATopic) {
  PlainMessage message = some_message();
  message.payload = {};
  PlainMessage read;
  EXPECT_TRUE(read_plain(written(message), read));
  EXPECT_TRUE(read.payload.empty());
  message.topic = "";
  EXPECT_FALSE(read_plain(written(message), read));
}

TEST(PlainMessage, BytesThatEndBeforeTheHeadDoesAreRefused) {
  const std::vector<std::byte> bytes = written(some_message());
  PlainMessage read;
  for (size_t size = 0; size < bytes.size() - 3; ++size) EXPECT_FALSE(read_plain(core::Bytes(bytes).first(size), read));
}

TEST(PlainMessage, HostileBytesAreOnlyRefused) {
  bombard(written(some_message()), 0, [](core::Bytes bytes) {
    PlainMessage read;
    static_cast<void>(read_plain(bytes, read));
  });
}

}  // namespace
}  // namespace tapedeck::transport
