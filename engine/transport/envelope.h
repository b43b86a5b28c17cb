// The front of every frame of the packed wire: an 8-byte prefix, by which ZeroMQ filters, and a 64-byte envelope, by
// which a subscriber checks sequence and lateness without looking at a record (docs/wire-protocol.md, "Data frames").
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/bytes.h"
#include "engine/core/types.h"

namespace tapedeck::transport {

inline constexpr size_t kPrefixSize = 8;
inline constexpr size_t kEnvelopeSize = 64;
inline constexpr size_t kHeadroom = kPrefixSize + kEnvelopeSize;  // in front of a run
inline constexpr uint32_t kEnvelopeMagic = 0x30454454;            // "TDE0": of version 0

inline constexpr std::string_view kDataPrefix = "TDL";     // then the lane as four hex digits and a slash
inline constexpr std::string_view kInBandPrefix = "TDS/";  // then what it is, and a slash

// docs/wire-protocol.md, "Envelope". Little-endian.
struct Envelope {
  uint32_t magic = kEnvelopeMagic;
  uint16_t lane = 0;
  uint16_t flags = 0;
  uint64_t publisher = 0;      // random; one for each replay
  uint64_t wire_sequence = 0;  // of the first record: counts the records sent by this publisher on this lane
  uint32_t record_count = 0;   // in the run
  uint32_t pass = 0;           // which loop
  uint64_t scheduled_ns = 0;   // wall time at which the first record was due; when sending, at full speed
  uint64_t sent_ns = 0;        // wall time at which it was given to the socket
  uint64_t tape = 0;           // which scopes topic ids
  uint32_t run_bytes = 0;      // that follow the envelope
  uint32_t crc = 0;            // CRC32C of the 60 bytes before it
};
static_assert(sizeof(Envelope) == kEnvelopeSize && offsetof(Envelope, wire_sequence) == 16);
static_assert(offsetof(Envelope, scheduled_ns) == 32 && offsetof(Envelope, crc) == 60);

// Writes prefix and envelope to out[0..72), with the checksum filled in.
void stamp_envelope(core::MutableBytes out, const Envelope& envelope);

// More records than a lane sends in years. A forged envelope beyond it is refused, so that neither the end of a run nor
// what all lanes have lost goes beyond 64 bits.
inline constexpr uint64_t kWireSequenceMax = uint64_t{1} << 52;

enum class FrameError : uint8_t { kNone, kShort, kForeign, kChecksum };

// Reads the front of a data frame. `kForeign`: no data frame of ours, or of another version.
[[nodiscard]] FrameError read_envelope(core::Bytes frame, Envelope& envelope);

[[nodiscard]] inline core::Bytes run_of(core::Bytes frame) { return frame.subspan(kHeadroom); }

}  // namespace tapedeck::transport
