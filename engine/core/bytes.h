// Reading and writing integers in byte buffers of any alignment, in the byte order that the name says, and LEB128
// varints with zigzag. Loads and stores compile to single moves; nothing here allocates. Callers check bounds, except
// for ByteReader, which checks its own.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tapedeck::core {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little, "Tapedeck runs on little-endian machines");

template <std::unsigned_integral T>
[[nodiscard]] inline T byte_swap(T v) {
  if constexpr (sizeof(T) == 1) return v;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
}

template <class T>
[[nodiscard]] inline T load_le(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <std::unsigned_integral T>
[[nodiscard]] inline T load_be(const std::byte* p) {
  return byte_swap(load_le<T>(p));
}

template <class T>
inline void store_le(std::byte* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

template <std::unsigned_integral T>
inline void store_be(std::byte* p, T v) {
  store_le(p, byte_swap(v));
}

[[nodiscard]] inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

[[nodiscard]] inline std::string_view as_text(Bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

// The next multiple of `to`, a power of two, from `n` on.
[[nodiscard]] constexpr uint64_t align_up(uint64_t n, uint64_t to) { return (n + to - 1) & ~(to - 1); }
[[nodiscard]] constexpr uint64_t align8(uint64_t n) { return align_up(n, 8); }

[[nodiscard]] constexpr uint64_t zigzag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
[[nodiscard]] constexpr int64_t unzigzag(uint64_t v) {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

inline void append_varint(std::vector<std::byte>& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<std::byte>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<std::byte>(v));
}

template <class T>
inline void append_le(std::vector<std::byte>& out, T v) {
  const auto at = out.size();
  out.resize(at + sizeof v);
  store_le(out.data() + at, v);
}

inline void append_bytes(std::vector<std::byte>& out, Bytes b) {
  if (b.empty()) return;
  const auto at = out.size();
  out.resize(at + b.size());
  std::memcpy(out.data() + at, b.data(), b.size());
}

// Asks for the cache line at `at`, for this core to write to: ahead of a write it saves the wait for another core that
// wrote there before. Only a hint, good for any address. The compiler's own asks for a line to be read, unless it may
// assume a newer processor.
inline void prefetch_for_write(const std::byte* at) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*at));
#else
  __builtin_prefetch(at, 1);
#endif
}

// Reads from the front of a buffer and never past its end. After the first read that did not fit, ok() is false and
// every read gives zero or an empty span, so that a decoder may check once, at its end.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] size_t remaining() const { return rest_.size(); }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

  template <class T>
  T le() {
    const Bytes b = take(sizeof(T));
    return b.empty() ? T{} : load_le<T>(b.data());
  }

  uint64_t varint() {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const Bytes b = take(1);
      if (b.empty()) return 0;
      const auto byte = static_cast<uint64_t>(b[0]);
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      v |= (byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    ok_ = false;
    return 0;
  }

  Bytes take(size_t n) {
    if (!ok_ || n > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes b = rest_.first(n);
    rest_ = rest_.subspan(n);
    return b;
  }

 private:
  Bytes rest_;
  bool ok_ = true;
};

}  // namespace tapedeck::core
