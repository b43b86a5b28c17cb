// Clone messages as frames, for tests.
#pragma once

#include <vector>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {

[[nodiscard]] inline std::array<std::string, kFrames> encode(const Message& message) {
  const auto sequence = encode_sequence(message.sequence);
  return {std::string(message.key), std::string(core::as_text(sequence)), std::string(message.uuid),
          std::string(message.properties), std::string(message.value)};
}

[[nodiscard]] inline Fault decode_frames(const std::vector<std::string>& frames, Message& message) {
  std::vector<core::Bytes> bytes;
  for (const std::string& frame : frames) bytes.push_back(core::as_bytes(frame));
  return decode(bytes, message);
}

}  // namespace tapedeck::clone
