// Bytes that nobody should send, for decoders of bytes of any origin.
#pragma once

#include <random>
#include <vector>

#include "engine/core/bytes.h"

namespace tapedeck::transport {

// Calls `decode` with every truncation of `message`, with each of its bytes replaced by several others, and with random
// bytes behind its first `kept`. What it gives does not matter: it must come back.
template <class Decode>
void bombard(core::Bytes message, size_t kept, Decode&& decode) {
  std::mt19937_64 random(42);
  for (size_t size = 0; size < message.size(); ++size) decode(message.first(size));
  std::vector<std::byte> altered(message.begin(), message.end());
  for (std::byte& byte : altered) {
    const std::byte original = byte;
    for (const auto other : {0x00, 0x22, 0x2d, 0x39, 0x5b, 0x7b, 0x7f, 0xff}) {
      byte = static_cast<std::byte>(other);
      decode(core::Bytes(altered));
    }
    byte = original;
  }
  for (int i = 0; i < 5000; ++i) {
    std::vector<std::byte> noise(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(kept));
    for (size_t left = random() % 100; left > 0; --left) noise.push_back(static_cast<std::byte>(random()));
    decode(core::Bytes(noise));
  }
}

}  // namespace tapedeck::transport
