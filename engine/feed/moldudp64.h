// MoldUDP64, Nasdaq's framing of messages in UDP: a head of 20 bytes (session of 10 characters, sequence number of the
// first message, message count; all big-endian), then messages behind their lengths. A count of 0 is a heartbeat and
// 0xFFFF the end of the session; both stand alone, with the number of the next message. Source: Nasdaq, "MoldUDP64
// Protocol Specification 1.00". Pure functions, no allocation.
#pragma once

#include <string>

#include "engine/feed/length_prefixed.h"
#include "engine/feed/sequence_tracker.h"

namespace tapedeck::feed {

inline constexpr size_t kMoldHeadSize = 20;
inline constexpr size_t kMoldSessionSize = 10;
inline constexpr uint16_t kMoldEndOfSession = 0xffff;

using MoldMessages = LengthPrefixed<core::load_be<uint16_t>>;

// Reads the head: false where there are not enough bytes for one. A heartbeat and an end of session have a count of 0.
[[nodiscard]] bool read_mold_head(core::Bytes payload, PacketHead& head);
[[nodiscard]] SessionId mold_session(core::Bytes payload);  // of a payload that has a head
// What stands behind the head.
[[nodiscard]] inline MoldMessages mold_messages(core::Bytes payload) {
  return MoldMessages(payload.subspan(kMoldHeadSize));
}
// Ten letters, digits or spaces, as sessions are; not all of them spaces.
[[nodiscard]] bool is_mold_session_name(const SessionId& session);
[[nodiscard]] std::string mold_session_text(const SessionId& session);  // trimmed; '?' for what cannot be printed

}  // namespace tapedeck::feed
