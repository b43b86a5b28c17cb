#include "engine/core/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <random>
#include <vector>

namespace tapedeck::core {
namespace {

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();

std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const unsigned v : values) bytes.push_back(static_cast<std::byte>(v));
  return bytes;
}

std::vector<std::byte> varint_of(uint64_t value) {
  std::vector<std::byte> bytes;
  append_varint(bytes, value);
  return bytes;
}

TEST(Bytes, AreReadInTheByteOrderOfTheNameAtEveryAlignment) {
  const auto bytes = bytes_of({0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  for (size_t at = 1; at <= 8; ++at) {
    const auto first = static_cast<uint8_t>(at);
    EXPECT_EQ(load_le<uint8_t>(&bytes[at]), first);
    EXPECT_EQ(load_be<uint8_t>(&bytes[at]), first);
    EXPECT_EQ(load_le<uint16_t>(&bytes[at]), first + 0x100u * (first + 1u));
    EXPECT_EQ(load_be<uint16_t>(&bytes[at]), first * 0x100u + (first + 1u));
    EXPECT_EQ(load_le<uint32_t>(&bytes[at]), first * 0x01010101u + 0x03020100u);
    EXPECT_EQ(load_be<uint32_t>(&bytes[at]), first * 0x01010101u + 0x00010203u);
    EXPECT_EQ(load_le<uint64_t>(&bytes[at]), first * 0x0101010101010101u + 0x0706050403020100u);
    EXPECT_EQ(load_be<uint64_t>(&bytes[at]), first * 0x0101010101010101u + 0x0001020304050607u);
  }
}

TEST(Bytes, AreWrittenInTheByteOrderOfTheName) {
  std::array<std::byte, 9> buffer{};
  store_be(&buffer[1], uint32_t{0x01020304});
  store_le(&buffer[5], uint32_t{0x01020304});
  EXPECT_EQ(std::vector(buffer.begin(), buffer.end()), bytes_of({0, 1, 2, 3, 4, 4, 3, 2, 1}));
}

TEST(Bytes, AreAppendedInOrder) {
  std::vector<std::byte> out;
  append_le(out, uint16_t{0x0201});
  append_bytes(out, as_bytes("ab"));
  append_le(out, uint32_t{0x06050403});
  EXPECT_EQ(out, bytes_of({1, 2, 'a', 'b', 3, 4, 5, 6}));
  EXPECT_EQ(as_text(Bytes(out).subspan(2, 2)), "ab");
}

TEST(Align8, RoundsUpToTheNextMultipleOfEight) {
  EXPECT_EQ(align8(0), 0u);
  EXPECT_EQ(align8(1), 8u);
  EXPECT_EQ(align8(8), 8u);
  EXPECT_EQ(align8(9), 16u);
}

TEST(Zigzag, GivesSmallNumbersForSmallMagnitudesAndComesBack) {
  EXPECT_EQ(zigzag(0), 0u);
  EXPECT_EQ(zigzag(-1), 1u);
  EXPECT_EQ(zigzag(1), 2u);
  EXPECT_EQ(zigzag(std::numeric_limits<int64_t>::min()), kLargest);
  for (const int64_t v : {int64_t{0}, int64_t{-2}, int64_t{12345}, std::numeric_limits<int64_t>::max(),
                          std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(unzigzag(zigzag(v)), v);
  }
}

TEST(Varint, IsLittleEndianInGroupsOfSevenBits) {
  EXPECT_EQ(varint_of(0), bytes_of({0}));
  EXPECT_EQ(varint_of(127), bytes_of({0x7f}));
  EXPECT_EQ(varint_of(128), bytes_of({0x80, 0x01}));
  EXPECT_EQ(varint_of(300), bytes_of({0xac, 0x02}));
  EXPECT_EQ(varint_of(kLargest).size(), 10u);
}

TEST(Varint, ComesBackForEverySize) {
  std::mt19937_64 random(1);
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {kLargest >> shift, random() >> shift, uint64_t{1} << shift}) {
      const auto bytes = varint_of(value);
      ByteReader reader(bytes);
      EXPECT_EQ(reader.varint(), value);
      EXPECT_TRUE(reader.at_end());
    }
  }
}

TEST(Varint, IsRefusedWhenItHasMoreThan64Bits) {
  for (const unsigned last : {0x02u, 0x7fu, 0x80u}) {
    auto bytes = bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80});
    bytes.push_back(static_cast<std::byte>(last));
    bytes.push_back(std::byte{0});
    ByteReader reader(bytes);
    EXPECT_EQ(reader.varint(), 0u);
    EXPECT_FALSE(reader.ok()) << last;
    EXPECT_TRUE(reader.take(1).empty());  // though there is one
  }
}

TEST(Varint, IsRefusedWhenItsEndIsMissing) {
  const auto bytes = bytes_of({0x80, 0x80});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ReadsFromFrontToEnd) {
  const auto bytes = bytes_of({1, 0, 0, 0, 'x', 'y', 0xac, 0x02});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.le<uint32_t>(), 1u);
  EXPECT_EQ(as_text(reader.take(2)), "xy");
  EXPECT_EQ(reader.remaining(), 2u);
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_TRUE(reader.at_end());
}

TEST(ByteReader, GivesZerosAfterTheFirstReadThatDidNotFit) {
  const auto bytes = bytes_of({1, 2, 3});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.le<uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.le<uint8_t>(), 0u);  // would have fitted
  EXPECT_TRUE(reader.take(1).empty());
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.at_end());
}

TEST(ByteReader, TakesNothingWithoutHarmAtTheEnd) {
  ByteReader reader{Bytes()};
  EXPECT_TRUE(reader.take(0).empty());
  EXPECT_TRUE(reader.at_end());
}

}  // namespace
}  // namespace tapedeck::core
