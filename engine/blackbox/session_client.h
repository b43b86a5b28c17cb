// The subscriber's end of the session channel: hello, progress, clock offset, receipt and verdict. For one thread,
// which calls step() about every 50 ms; nothing here blocks for longer than asked.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "engine/core/clock.h"
#include "engine/transport/session.h"
#include "engine/transport/socket.h"

namespace tapedeck::blackbox {

class SessionClient {
 public:
  // `window_bytes`: see transport::Hello.
  SessionClient(zmq::context_t& context, std::string name, uint64_t publisher, uint64_t window_bytes,
                const core::Clock& clock, std::atomic<int64_t>& clock_offset_ns);

  [[nodiscard]] core::Status connect(const std::string& endpoint);

  // Where a box is.
  struct Position {
    uint64_t handled = 0;  // records
    uint64_t lost = 0;     // records
    uint64_t bytes = 0;    // of the records that it has handled
    bool is_idle = false;
    bool operator==(const Position&) const = default;
  };
  // Says hello until welcomed, reports progress when it is due, and takes what has come, waiting up to `wait` for it.
  // True if there was a sign of life.
  bool step(const Position& position, std::chrono::milliseconds wait);

  // Sends the receipt and waits for the verdict.
  [[nodiscard]] std::optional<transport::Verdict> settle(const transport::Receipt& receipt, int64_t timeout_ns);

 private:
  [[nodiscard]] bool is_progress_due(const Position& position, int64_t now_ns) const;
  void send(const transport::SessionMessage& message);
  void receive(core::Bytes bytes);
  void note_offset(const transport::Pong& pong);

  zmq::socket_t dealer_;
  std::string name_;
  uint64_t publisher_;
  uint64_t window_bytes_;
  const core::Clock& clock_;
  std::atomic<int64_t>& clock_offset_ns_;
  int64_t round_trip_best_ns_ = INT64_MAX;
  int64_t next_hello_ns_ = 0;     // monotonic
  int64_t next_progress_ns_ = 0;  // monotonic
  Position reported_;
  int64_t next_waited_for_ns_ = 0;  // monotonic
  bool welcomed_ = false;
  std::optional<transport::Verdict> verdict_;
};

}  // namespace tapedeck::blackbox
