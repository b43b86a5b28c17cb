// The messages of the session channel, between a replay (ROUTER) and each of its subscribers (DEALER): one frame each,
// a JSON object whose "type" tells which (docs/wire-protocol.md, "Session channel"). No commands travel here. Decoders
// take bytes of any origin.
#pragma once

#include <string>
#include <variant>

#include "engine/core/bytes.h"
#include "engine/core/status.h"
#include "engine/transport/receipt.h"

namespace tapedeck::transport {

// Subscriber to replay, once it hears the data sockets.
struct Hello {
  uint64_t publisher = 0;     // to whom it thinks it speaks
  std::string name{};         // unique enough for people: host:pid
  uint64_t window_bytes = 0;  // that may be under way to it, of data over lines that lose what does not fit; 0: any
};

// Subscriber to replay, each 100 ms; with a window, when a quarter of it was handled, or each 5 ms what was.
struct Progress {
  uint64_t records = 0;  // handled
  int64_t sent_ns = 0;   // by the subscriber's wall clock
  uint64_t lost = 0;     // records that are known to be missing
  bool is_idle = false;  // all that arrived has been handled
};

// Replay to subscriber, the answer to Progress: for the clock offset, and a sign of life.
struct Pong {
  int64_t progress_sent_ns = 0;  // copied
  int64_t received_ns = 0;       // by the replay's wall clock
  int64_t sent_ns = 0;
};

// Replay to subscriber, the answer to Hello.
struct Welcome {
  uint64_t publisher = 0;
};

// Replay to subscriber, the answer to a Receipt: whether it equals what was sent.
struct Verdict {
  bool equal = false;
  std::string sentence;
};

using SessionMessage = std::variant<Hello, Progress, Pong, Welcome, Verdict, Receipt>;

[[nodiscard]] std::string encode(const SessionMessage& message);
[[nodiscard]] core::Result<SessionMessage> decode_session_message(core::Bytes bytes);

}  // namespace tapedeck::transport
