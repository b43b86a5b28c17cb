// Follows the message numbers of one flow and tells what is missing. Sequence 0 is no number and is passed over. A new
// session starts afresh at its first number, and so does a fall back to 1 with messages, which is a restart of the
// sender; any other number that was passed before is a repeat, which changes nothing. One thread; no allocation.
#pragma once

#include <cstdint>

namespace tapedeck::feed {

// The sender's session as its packets name it: up to 16 bytes, padded with zeros.
struct SessionId {
  uint64_t words[2] = {};
  bool operator==(const SessionId&) const = default;
};

// What the head of a packet says, in whichever protocol.
struct PacketHead {
  SessionId session;
  uint64_t sequence = 0;  // of its first message, or of the next to come where it has none; 0 where it gives none
  uint32_t count = 0;     // messages; 0 in heartbeats and at the end of a session
};

struct SequenceStep {
  uint64_t first_missing = 0;
  uint64_t missing = 0;   // messages from first_missing that never came
  uint64_t repeated = 0;  // messages of this packet whose numbers were passed before
  bool new_session = false;
  bool reset = false;
};

class SequenceTracker {
 public:
  SequenceStep advance(const PacketHead& head);

 private:
  SessionId session_;
  uint64_t expected_ = 0;  // 0: nothing seen yet
};

}  // namespace tapedeck::feed
