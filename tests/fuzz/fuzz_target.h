// What a fuzz target is: one function that takes bytes of any origin, reads them as the program would, and aborts
// (TD_CHECK) where a promise does not hold. With clang's libFuzzer the bytes are invented and run_one() is called a few
// thousand times a second (tools/fuzz); in every other build driver.cc calls it with the files of tests/fuzz/corpus and
// tests/fuzz/regressions. One thread; nothing may be left behind from one call to the next.
#pragma once

#include <algorithm>

#include "engine/core/bytes.h"
#include "engine/core/status.h"

namespace tapedeck::fuzz {

using core::Bytes;
using ByteVector = std::vector<std::byte>;

// Each target defines it.
void run_one(Bytes input);

// Takes the input apart. Never fails: what is not there is zero or empty.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  uint8_t byte() {
    const Bytes one = take(1);
    return one.empty() ? uint8_t{0} : static_cast<uint8_t>(one[0]);
  }
  // A piece behind its size (16 bits, little-endian), or what is left of it.
  Bytes piece() {
    const size_t low = byte();
    return take(low | size_t{byte()} << 8);
  }
  Bytes rest() { return take(rest_.size()); }

 private:
  Bytes take(size_t size) {
    const Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  Bytes rest_;
};

// A copy that AddressSanitizer guards at both ends, and that may be changed.
[[nodiscard]] inline ByteVector copy_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace tapedeck::fuzz
