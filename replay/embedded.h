// Tape to handlers within one process. At full speed with lanes kept in order each worker reads lanes of its own, so
// that a record is handled where it was read from the disk, by the core that read it. Otherwise (a rate, or dispatch to
// any worker) a replay and a Black Box share a ZeroMQ context, over inproc: frames are pointers, and nothing is copied
// either. Selection, loops, damage and receipt are as over a network; at full speed what concerns subscribers and
// queues (on_slow, queue_bytes) does nothing. Blocks until the tape has ended or `stop` is set.
#pragma once

#include "engine/blackbox/black_box.h"
#include "replay/replay.h"

namespace tapedeck::replay {

struct Embedded {
  Report report;
  blackbox::Outcome outcome;
};

// `replay.endpoints` is one of inproc, or none for a name of its own; `box.endpoint` is taken from there, and
// `replay.wait_for` is 1. Errors: those of replay::run and of blackbox::run; also what a handler, its factory (called
// on this thread) or the status callback threw.
[[nodiscard]] core::Result<Embedded> run_embedded(Options replay, blackbox::Options box,
                                                  const blackbox::HandlerFactory& make_handler,
                                                  const core::StopFlag& stop = core::StopFlag(),
                                                  const OnStatus& on_status = {});

}  // namespace tapedeck::replay
