// Walks messages that each stand behind a 16-bit length that does not count itself, as MoldUDP64 (big-endian) and
// IEX-TP (little-endian) frame them. Never reads past the end; no allocation.
#pragma once

#include "engine/core/bytes.h"

namespace tapedeck::feed {

template <uint16_t (*kLoadLength)(const std::byte*)>
class LengthPrefixed {
 public:
  explicit LengthPrefixed(core::Bytes bytes) : rest_(bytes) {}

  // False where no whole message is left.
  bool next(core::Bytes& message) {
    if (rest_.size() < 2) return false;
    const size_t size = kLoadLength(rest_.data());
    if (rest_.size() - 2 < size) return false;
    message = rest_.subspan(2, size);
    rest_ = rest_.subspan(2 + size);
    return true;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  core::Bytes rest_;
};

}  // namespace tapedeck::feed
