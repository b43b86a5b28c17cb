// Clone messages as frames, for tests.
#pragma once

#include <vector>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {

[[nodiscard]] inline Fault decode_frames(const std::vector<std::string>& frames, Message& message) {
  std::vector<core::Bytes> bytes;
  for (const std::string& frame : frames) bytes.push_back(core::as_bytes(frame));
  return decode(bytes, message);
}

}  // namespace tapedeck::clone
