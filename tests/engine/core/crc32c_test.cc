#include "engine/core/crc32c.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tapedeck::core {
namespace {

std::vector<std::byte> random_bytes(size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

// The definition, a bit at a time: what every implementation must agree with.
uint32_t crc32c_by_definition(Bytes bytes, uint32_t crc = 0) {
  crc = ~crc;
  for (const std::byte b : bytes) {
    crc ^= static_cast<uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

void expect_everywhere(Bytes bytes, uint32_t expected) {
  EXPECT_EQ(crc32c(bytes), expected);
  for (const Crc32cImplementation& each : crc32c_implementations()) {
    EXPECT_EQ(each.update(bytes, 0), expected) << each.name << ", " << bytes.size() << " bytes";
  }
}

TEST(Crc32c, GivesThePublishedCheckValue) { expect_everywhere(as_bytes("123456789"), 0xE3069283); }

TEST(Crc32c, GivesTheValuesOfRfc3720) {  // its appendix B.4
  std::array<std::byte, 32> bytes{};
  expect_everywhere(bytes, 0x8A9136AA);
  bytes.fill(std::byte{0xff});
  expect_everywhere(bytes, 0x62A8AB43);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  expect_everywhere(bytes, 0x46DD794E);
  std::ranges::reverse(bytes);
  expect_everywhere(bytes, 0x113FDB5C);

  std::array<std::byte, 48> read_command{};
  const auto set = [&](size_t at, unsigned value) { read_command[at] = static_cast<std::byte>(value); };
  set(0, 0x01), set(1, 0xc0), set(16, 0x14), set(22, 0x04), set(27, 0x14), set(31, 0x18), set(32, 0x28), set(40, 0x02);
  expect_everywhere(read_command, 0xD9963A56);
}

TEST(Crc32c, LeavesTheChecksumAloneForNoBytes) {
  for (const Crc32cImplementation& each : crc32c_implementations()) {
    EXPECT_EQ(each.update({}, 0), 0u) << each.name;
    EXPECT_EQ(each.update({}, 0xDEADBEEF), 0xDEADBEEF) << each.name;
  }
}

TEST(Crc32c, ListsTablesLastAndEachImplementationOnce) {
  std::set<std::string_view> names;
  for (const Crc32cImplementation& each : crc32c_implementations()) names.insert(each.name);
  EXPECT_EQ(names.size(), crc32c_implementations().size());
  EXPECT_EQ(crc32c_implementations().back().name, "tables");
}

TEST(Crc32c, GivesTheSameValueInEveryImplementation) {
  constexpr size_t kSizeMax = 1100;
  for (const size_t offset : {0u, 1u, 3u, 7u, 8u, 15u, 16u, 31u, 33u, 63u}) {
    const std::vector<std::byte> all = random_bytes(offset + kSizeMax, offset);
    uint32_t expected = 0;
    for (size_t size = 0; size <= kSizeMax; ++size) {
      const Bytes bytes = Bytes(all).subspan(offset, size);
      expect_everywhere(bytes, expected);
      if (size < kSizeMax) expected = crc32c_by_definition(Bytes(all).subspan(offset + size, 1), expected);
    }
  }
}

TEST(Crc32c, GivesTheSameValueForLargeBuffersAndEveryStart) {
  const std::vector<std::byte> all = random_bytes(1 << 20);
  std::mt19937_64 random(2);
  for (int i = 0; i < 30; ++i) {
    const size_t offset = random() % 4096;
    const Bytes bytes = Bytes(all).subspan(offset, random() % (all.size() - offset));
    const auto start = static_cast<uint32_t>(random());
    const uint32_t expected = crc32c_by_definition(bytes, start);
    for (const Crc32cImplementation& each : crc32c_implementations()) {
      EXPECT_EQ(each.update(bytes, start), expected) << each.name << ", " << bytes.size() << " bytes";
    }
  }
}

TEST(Crc32c, ContinuesFromTheChecksumOfWhatCameBefore) {
  const std::vector<std::byte> all = random_bytes(5000);
  const uint32_t expected = crc32c_by_definition(all);
  for (const Crc32cImplementation& each : crc32c_implementations()) {
    for (size_t split = 0; split <= all.size(); split += 37) {
      const uint32_t before = each.update(Bytes(all).first(split), 0);
      ASSERT_EQ(each.update(Bytes(all).subspan(split), before), expected) << each.name << ", split at " << split;
    }
  }
}

// Ends where a page begins that may not be touched.
class GuardedPage {
 public:
  GuardedPage() : size_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    void* const both = mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED) return;
    start_ = static_cast<std::byte*>(both);
    mprotect(start_ + size_, size_, PROT_NONE);
  }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;
  ~GuardedPage() {
    if (start_ != nullptr) munmap(start_, 2 * size_);
  }
  [[nodiscard]] Bytes bytes() const { return {start_, start_ != nullptr ? size_ : 0}; }

 private:
  size_t size_;
  std::byte* start_ = nullptr;
};

TEST(Crc32c, NeverReadsPastTheEnd) {
  const GuardedPage page;
  ASSERT_FALSE(page.bytes().empty());
  const std::vector<std::byte> zeros(page.bytes().size());
  for (const Crc32cImplementation& each : crc32c_implementations()) {
    for (size_t size = 0; size <= zeros.size(); ++size) {
      ASSERT_EQ(each.update(page.bytes().last(size), 0), each.update(Bytes(zeros).first(size), 0)) << each.name;
    }
  }
}

TEST(Crc32cCombine, GivesTheChecksumOfTheConcatenationForEverySplit) {
  const std::vector<std::byte> all = random_bytes(1500);
  const uint32_t expected = crc32c(all);
  for (size_t split = 0; split <= all.size(); ++split) {
    const uint32_t a = crc32c(Bytes(all).first(split));
    const uint32_t b = crc32c(Bytes(all).subspan(split));
    ASSERT_EQ(crc32c_combine(a, b, all.size() - split), expected) << "split at " << split;
  }
}

TEST(Crc32cCombine, GivesTheFirstChecksumWhenNothingFollows) {
  EXPECT_EQ(crc32c_combine(0xDEADBEEF, 0, 0), 0xDEADBEEF);
}

// A message of a few zero bytes before or after many is the same message. The long one is put together by doubling.
TEST(Crc32cCombine, HoldsForMessagesBeyondFourGibibytes) {
  const std::vector<std::byte> zeros(1024);
  const uint32_t crc_short = crc32c(zeros);
  uint32_t crc_long = crc_short;
  for (uint64_t size = zeros.size(); size < uint64_t{1} << 62; size *= 2) {
    ASSERT_EQ(crc32c_combine(crc_long, crc_short, zeros.size()), crc32c_combine(crc_short, crc_long, size)) << size;
    crc_long = crc32c_combine(crc_long, crc_long, size);
  }
}

TEST(Crc32cCombine, IsAssociativeForAllSizes) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) {
    const auto a = static_cast<uint32_t>(random());
    const auto b = static_cast<uint32_t>(random());
    const auto c = static_cast<uint32_t>(random());
    const uint64_t b_size = random() >> (1 + i % 60);
    const uint64_t c_size = random() >> (1 + i % 50);
    ASSERT_EQ(crc32c_combine(crc32c_combine(a, b, b_size), c, c_size),
              crc32c_combine(a, crc32c_combine(b, c, c_size), b_size + c_size))
        << b_size << " and " << c_size;
  }
}

}  // namespace
}  // namespace tapedeck::core
