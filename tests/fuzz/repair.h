// Puts right what guards our formats (checksums, and lengths and marks that have one possible value), so that a fuzzer
// comes past them to what they guard: bytes that are forged, not damaged.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/bytes.h"

namespace tapedeck::fuzz {

// The checksums of the frame at the front, if its header says that it fits; gives its size, else that of all bytes.
size_t repair_frame(core::MutableBytes bytes);
// Frame after frame.
void repair_frames(core::MutableBytes bytes);
// The segment header, frames, and the footer in the last 64 bytes.
void repair_segment(core::MutableBytes file);
// The text as a manifest is written, with its checksum, where it is a JSON object.
[[nodiscard]] std::string repair_manifest(std::string_view text);
// A datagram: of a fragment its checksum, and, where it is all of its message, that and the message; of anything else
// what a data frame of one block needs, whatever is behind it.
void repair_datagram(core::MutableBytes datagram, uint64_t publisher);
// A data frame of the packed wire: its prefix, its envelope's magic, publisher, size and checksum, and the frames of
// its run.
void repair_data_frame(core::MutableBytes message, uint64_t publisher);

}  // namespace tapedeck::fuzz
