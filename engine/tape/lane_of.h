// Which lane an order key lives in. Part of the format: whoever writes a tape must agree, so that a key stays in its
// lane from one tape to the next.
#pragma once

#include <string_view>

#include "engine/core/crc32c.h"
#include "engine/tape/format.h"

namespace tapedeck::tape {

// crc32c(feed, then key) mod lanes (docs/tape-format.md, "Lanes").
[[nodiscard]] inline Lane lane_of(std::string_view feed, Bytes key, uint16_t lanes) {
  return Lane(static_cast<uint16_t>(core::crc32c(key, core::crc32c(core::as_bytes(feed))) % lanes));
}

}  // namespace tapedeck::tape
