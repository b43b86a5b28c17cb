// CRC32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720): the checksum of every byte of a tape and of
// every envelope. Uses the widest instructions that the processor has (VPCLMULQDQ with AVX-512, else SSE4.2 with
// PCLMULQDQ, else tables), chosen at the first call. Stateless; safe from every thread; allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/core/bytes.h"

namespace tapedeck::core {

// CRC32C of `bytes`, continuing from `crc`, the CRC32C of what came before (0 for nothing):
// crc32c(b, crc32c(a)) == crc32c(a followed by b).
[[nodiscard]] uint32_t crc32c(Bytes bytes, uint32_t crc = 0);

// The CRC32C of A followed by B, from their two checksums and the number of bytes of B. O(log b_size).
[[nodiscard]] uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t b_size);

// One implementation, for tests that compare them and for the benchmark.
struct Crc32cImplementation {
  std::string_view name;
  uint32_t (*update)(Bytes bytes, uint32_t crc);
};

// Those that this processor can run, the fastest first; at least one.
[[nodiscard]] std::span<const Crc32cImplementation> crc32c_implementations();

}  // namespace tapedeck::core
