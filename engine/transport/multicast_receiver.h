// Carries what comes over one or more lines to a Black Box's SUB thread: puts fragments together, trims and orders data
// frames, gathers them to larger ones, and publishes them over inproc. A line that has gone deaf is joined anew. Runs
// on a thread of its own; counters may be read from any.
#pragma once

#include <poll.h>

#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "engine/core/clock.h"
#include "engine/core/notices.h"
#include "engine/transport/datagram_reader.h"
#include "engine/transport/frame_gatherer.h"
#include "engine/transport/line.h"

namespace tapedeck::transport {

// A line, and what to call it.
struct NamedLine {
  std::string name;
  std::unique_ptr<LineReceiver> line;
  bool carries_plain = false;  // also messages that are none of ours: those of the plain wire
};

class MulticastReceiver {
 public:
  // Binds the inproc endpoint `to` in the context of the SUB thread. All lines carry the same.
  MulticastReceiver(zmq::context_t& context, const std::string& to, std::vector<NamedLine> lines,
                    core::Notices& notices, const core::StopFlag& stop, const core::Clock& clock);

  void run();    // until stopped
  void close();  // once it does not run; the buffers stay

  [[nodiscard]] uint64_t window_bytes() const;
  // Of several lines all but one bring them so.
  [[nodiscard]] uint64_t repeated_records() const { return sequencer_.repeated(); }

 private:
  struct Line {
    NamedLine named;
    int64_t heard_ns = 0;  // monotonic; 0: never
    bool is_deaf = false;
  };

  void wait();
  [[nodiscard]] bool receive_some(Line& line);
  void take(const Line& line, core::Bytes datagram);
  void take_message(core::Bytes message);
  [[nodiscard]] bool is_too_early(core::Bytes message);
  void pass_on(zmq::message_t message);
  void mind_deaf_lines();

  zmq::socket_t pub_;
  std::vector<Line> lines_;
  std::vector<pollfd> handles_;  // of the lines
  core::Notices& notices_;
  const core::StopFlag& stop_;
  const core::Clock& clock_;
  core::BufferPool pool_;
  FrameGatherer gatherer_;
  LaneSequencer sequencer_;
  DatagramReader reader_;
  int64_t now_ns_ = 0;            // of the datagrams in hand
  bool may_fall_silent_ = false;  // an end of tape was passed on, and nothing else came since
};

}  // namespace tapedeck::transport
