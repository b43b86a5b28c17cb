#include "engine/transport/envelope.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace tapedeck::transport {
namespace {

constexpr size_t kRunBytes = 24;

Envelope some_envelope() {
  return {.lane = 0x02af,
          .publisher = 0x1122334455667788,
          .wire_sequence = 41,
          .record_count = 3,
          .pass = 1,
          .scheduled_ns = 1'500'000'000'000'000'000,
          .sent_ns = 1'500'000'000'000'000'001,
          .tape = 99,
          .run_bytes = kRunBytes};
}

std::vector<std::byte> some_frame() {
  std::vector<std::byte> frame(kHeadroom + kRunBytes, std::byte{7});
  stamp_envelope(frame, some_envelope());
  return frame;
}

TEST(Envelope, ComesBackAsItWasStamped) {
  const std::vector<std::byte> frame = some_frame();
  Envelope read;
  ASSERT_EQ(read_envelope(frame, read), FrameError::kNone);
  Envelope expected = some_envelope();
  expected.crc = read.crc;
  EXPECT_EQ(std::memcmp(&read, &expected, sizeof read), 0);
  EXPECT_EQ(run_of(frame).size(), kRunBytes);
}

TEST(Envelope, IsPrecededByTheLaneInHex) {
  EXPECT_EQ(core::as_text(core::Bytes(some_frame()).first(kPrefixSize)), "TDL02af/");
}

TEST(Envelope, EveryFlippedBitOfPrefixAndEnvelopeIsNoticed) {
  std::vector<std::byte> frame = some_frame();
  for (size_t bit = 0; bit < kHeadroom * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << bit % 8);
    frame[bit / 8] ^= mask;
    Envelope read;
    EXPECT_NE(read_envelope(frame, read), FrameError::kNone) << "bit " << bit;
    frame[bit / 8] ^= mask;
  }
}

TEST(Envelope, AFrameThatIsTooShortForItIsShort) {
  const std::vector<std::byte> frame = some_frame();
  for (size_t size = 0; size < kHeadroom; ++size) {
    Envelope read;
    EXPECT_EQ(read_envelope(core::Bytes(frame).first(size), read), FrameError::kShort);
  }
}

TEST(Envelope, ARunOfAnotherSizeThanItSaysIsShort) {
  std::vector<std::byte> frame = some_frame();
  Envelope read;
  EXPECT_EQ(read_envelope(core::Bytes(frame).first(frame.size() - 1), read), FrameError::kShort);
  frame.push_back(std::byte{});
  EXPECT_EQ(read_envelope(frame, read), FrameError::kShort);
}

TEST(Envelope, OfAnotherVersionIsForeign) {
  std::vector<std::byte> frame = some_frame();
  Envelope other = some_envelope();
  ++other.magic;
  stamp_envelope(frame, other);
  Envelope read;
  EXPECT_EQ(read_envelope(frame, read), FrameError::kForeign);
}

}  // namespace
}  // namespace tapedeck::transport
