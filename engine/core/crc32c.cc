#include "engine/core/crc32c.h"

#include <array>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tapedeck::core {
namespace {

// Polynomials of degree below 32 over GF(2), modulo the CRC's polynomial P. Reflected: bit i is the factor of x^(31-i),
// because a CRC32C takes the lowest bit of the first byte as the highest power.
constexpr uint32_t kPolynomial = 0x82F63B78;
constexpr uint32_t kOne = 0x80000000;  // x^0

constexpr uint32_t times_x(uint32_t a) { return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0); }

constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {  // x^0, x^1, ... of a
    if ((a & bit) != 0) product ^= b;
    b = times_x(b);
  }
  return product;
}

// x^(2^k) mod P for each bit k of an exponent that counts bits of a message; bytes start at k = 3.
constexpr auto kPowers = [] {
  std::array<uint32_t, 64 + 3> powers{};
  powers[0] = times_x(kOne);
  for (size_t k = 1; k < powers.size(); ++k) powers[k] = multiply(powers[k - 1], powers[k - 1]);
  return powers;
}();

// x^(n * 2^shift) mod P.
constexpr uint32_t power_of_x(uint64_t n, unsigned shift = 0) {
  uint32_t power = kOne;
  for (; n != 0; n &= n - 1) power = multiply(power, kPowers[static_cast<unsigned>(std::countr_zero(n)) + shift]);
  return power;
}

// kTables[k][b] is the remainder of byte b followed by k zero bytes.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}();

// Slicing by eight: eight look-ups that do not wait for one another.
uint32_t update_with_tables(Bytes bytes, uint32_t crc) {
  const std::byte* p = bytes.data();
  const std::byte* const end = p + bytes.size();
  crc = ~crc;
  for (; end - p >= 8; p += 8) {
    const uint64_t word = load_le<uint64_t>(p) ^ crc;
    crc = 0;
    for (unsigned k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; p != end; ++p) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint32_t>(*p)) & 0xff];
  return ~crc;
}

#if defined(__x86_64__)

// The functions below work on the raw state, which is the complement of a CRC.
//
// A carry-less product of two reflected factors comes out one bit low in its register: it stands for the product
// times x. The factors below make up for that, so they have one power less than the distance they fold over.

#define TD_TARGET_SSE42 [[gnu::target("sse4.2,pclmul")]]

// The serial crc32 instruction: 8 bytes in 3 cycles.
TD_TARGET_SSE42 inline uint32_t step_serially(const std::byte* p, size_t size, uint32_t state) {
  uint64_t wide = state;
  for (; size >= 8; size -= 8, p += 8) wide = _mm_crc32_u64(wide, load_le<uint64_t>(p));
  state = static_cast<uint32_t>(wide);
  if ((size & 4) != 0) {
    state = _mm_crc32_u32(state, load_le<uint32_t>(p));
    p += 4;
  }
  if ((size & 2) != 0) {
    state = _mm_crc32_u16(state, load_le<uint16_t>(p));
    p += 2;
  }
  if ((size & 1) != 0) state = _mm_crc32_u8(state, load_le<uint8_t>(p));
  return state;
}

// The factor that moves a state over `size` zero bytes. The product, 63 bits in the low half, goes through one more
// crc32, which multiplies by x^32 and takes it modulo P.
constexpr int64_t move_factor(size_t size) { return power_of_x(8 * size - 32 - 1); }

// Takes 3 * kBytes at a time as three messages side by side, since the crc32 instruction has a latency of three cycles
// and a throughput of one per cycle. The states of the first two are moved over what follows them.
template <size_t kBytes>
TD_TARGET_SSE42 inline uint32_t step_three_ways(const std::byte*& p, size_t& size, uint32_t state) {
  static_assert(kBytes % 8 == 0);
  constexpr int64_t kOverOne = move_factor(kBytes);
  constexpr int64_t kOverTwo = move_factor(2 * kBytes);
  const __m128i factors = _mm_set_epi64x(kOverOne, kOverTwo);
  uint64_t a = state;
  for (; size >= 3 * kBytes; size -= 3 * kBytes, p += 3 * kBytes) {
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kBytes; i += 8) {
      a = _mm_crc32_u64(a, load_le<uint64_t>(p + i));
      b = _mm_crc32_u64(b, load_le<uint64_t>(p + kBytes + i));
      c = _mm_crc32_u64(c, load_le<uint64_t>(p + 2 * kBytes + i));
    }
    const __m128i moved_a = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(a)), factors, 0x00);
    const __m128i moved_b = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(b)), factors, 0x10);
    a = c ^ _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_xor_si128(moved_a, moved_b))));
  }
  return static_cast<uint32_t>(a);
}

TD_TARGET_SSE42 inline uint32_t step_sse42(const std::byte* p, size_t size, uint32_t state) {
  state = step_three_ways<1024>(p, size, state);
  state = step_three_ways<128>(p, size, state);
  return step_serially(p, size, state);
}

TD_TARGET_SSE42 uint32_t update_with_sse42(Bytes bytes, uint32_t crc) {
  return ~step_sse42(bytes.data(), bytes.size(), ~crc);
}

#define TD_TARGET_AVX512 [[gnu::target("sse4.2,pclmul,avx512f,vpclmulqdq")]]

// Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009): 128
// bits, high half H (the first 8 bytes) and low half L, that are followed by D bits may be replaced by
// H * x^(D+64) + L * x^D, each factor taken modulo P, added to the 128 bits that end D bits further on. The first
// 8 bytes are the low half of a register. A factor is a 64-bit word of which the upper half is used.
consteval int64_t fold_factor(uint64_t bits) { return std::bit_cast<int64_t>(uint64_t{power_of_x(bits - 1)} << 32); }

struct FoldFactors {
  int64_t high;
  int64_t low;
};
consteval FoldFactors fold_over(uint64_t bytes) { return {fold_factor(8 * bytes + 64), fold_factor(8 * bytes)}; }

TD_TARGET_AVX512 inline __m512i repeat(FoldFactors f) { return _mm512_set4_epi64(f.low, f.high, f.low, f.high); }

TD_TARGET_AVX512 inline __m512i fold(__m512i value, __m512i factors, __m512i onto) {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(value, factors, 0x00),
                                   _mm512_clmulepi64_epi128(value, factors, 0x11), onto, kXorOfThree);
}

TD_TARGET_AVX512 inline __m128i fold(__m128i value, __m128i factors, __m128i onto) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, factors, 0x00), onto),
                       _mm_clmulepi64_si128(value, factors, 0x11));
}

struct Quarters {
  __m128i first, second, third, fourth;
};

constexpr size_t kRegisters = 4;
constexpr size_t kStride = kRegisters * 64;

// Consumes a multiple of 64 bytes, at least kStride.
TD_TARGET_AVX512 inline uint32_t step_folding(const std::byte*& p, size_t& size, uint32_t state) {
  __m512i sums[kRegisters];
  for (size_t i = 0; i < kRegisters; ++i) sums[i] = _mm512_loadu_si512(p + 64 * i);
  // The state is added to the first four bytes, which is what a CRC of the whole message would have done.
  sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128(std::bit_cast<int32_t>(state))));
  p += kStride;
  size -= kStride;

  const __m512i over_stride = repeat(fold_over(kStride));
  for (; size >= kStride; size -= kStride, p += kStride) {
    for (size_t i = 0; i < kRegisters; ++i) sums[i] = fold(sums[i], over_stride, _mm512_loadu_si512(p + 64 * i));
  }

  const __m512i over_64 = repeat(fold_over(64));
  __m512i sum = sums[0];
  for (size_t i = 1; i < kRegisters; ++i) sum = fold(sum, over_64, sums[i]);
  for (; size >= 64; size -= 64, p += 64) sum = fold(sum, over_64, _mm512_loadu_si512(p));

  // bit_cast rather than the intrinsics that take registers apart: g++ 12 warns in those (its bug 105593).
  const auto [first, second, third, fourth] = std::bit_cast<Quarters>(sum);
  const FoldFactors by_16 = fold_over(16);
  const __m128i over_16 = _mm_set_epi64x(by_16.low, by_16.high);
  const __m128i last = fold(fold(fold(first, over_16, second), over_16, third), over_16, fourth);
  const uint64_t first_half = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(last)));
  return static_cast<uint32_t>(_mm_crc32_u64(first_half, static_cast<uint64_t>(_mm_extract_epi64(last, 1))));
}

// Moves a polynomial over 2^k zero bytes, for each k. x^33 is divided by as in move_factor(); the powers of x repeat
// after 2^31 - 1, so that x^-33 is one of them.
constexpr auto kMoves = [] {
  constexpr uint64_t kPeriod = (uint64_t{1} << 31) - 1;
  constexpr uint32_t kDown = power_of_x(kPeriod - 33);
  std::array<int64_t, 64> moves{};
  for (size_t k = 0; k < moves.size(); ++k) moves[k] = multiply(kPowers[k + 3], kDown);
  return moves;
}();

TD_TARGET_SSE42 uint32_t move_with_clmul(uint32_t a, uint64_t bytes) {
  for (; bytes != 0; bytes &= bytes - 1) {
    const __m128i factor = _mm_cvtsi64_si128(kMoves[static_cast<size_t>(std::countr_zero(bytes))]);
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(a), factor, 0x00);
    a = static_cast<uint32_t>(_mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(product))));
  }
  return a;
}

TD_TARGET_AVX512 uint32_t update_with_avx512(Bytes bytes, uint32_t crc) {
  const std::byte* p = bytes.data();
  size_t size = bytes.size();
  uint32_t state = ~crc;
  if (size >= kStride) state = step_folding(p, size, state);
  return ~step_serially(p, size, state);
}

#endif

// a times x^(8 * bytes).
uint32_t move_with_multiplications(uint32_t a, uint64_t bytes) { return multiply(a, power_of_x(bytes, 3)); }

// A list that is filled once, at the first call.
struct Implementations {
  std::array<Crc32cImplementation, 3> list;
  size_t count = 0;
  uint32_t (*move)(uint32_t a, uint64_t bytes) = move_with_multiplications;

  Implementations() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool sse42 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    if (sse42 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq")) {
      list[count++] = {"avx512-vpclmulqdq", update_with_avx512};
    }
    if (sse42) {
      list[count++] = {"sse42-pclmulqdq", update_with_sse42};
      move = move_with_clmul;
    }
#endif
    list[count++] = {"tables", update_with_tables};
  }
};

const Implementations& implementations() {
  static const Implementations all;
  return all;
}

}  // namespace

uint32_t crc32c(Bytes bytes, uint32_t crc) { return implementations().list[0].update(bytes, crc); }

uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t b_size) {
  return implementations().move(crc_a, b_size) ^ crc_b;
}

std::span<const Crc32cImplementation> crc32c_implementations() {
  return std::span(implementations().list).first(implementations().count);
}

}  // namespace tapedeck::core
