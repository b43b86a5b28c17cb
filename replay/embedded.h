// Tape to handlers within one process: a replay and a Black Box that share a ZeroMQ context, over inproc. Frames are
// pointers, so a record is read by its handler where it was read from the disk. Everything else is as over a network:
// selection, rate, receipts. Blocks until the tape has ended or `stop` is set.
#pragma once

#include "engine/blackbox/black_box.h"
#include "replay/replay.h"

namespace tapedeck::replay {

struct Embedded {
  Report report;
  blackbox::Outcome outcome;
};

// `replay.endpoint` is inproc, or empty for a name of its own; `box.endpoint` is taken from there. Errors: those of
// replay::run and of blackbox::run, of a handler that threw, too.
[[nodiscard]] core::Result<Embedded> run_embedded(Options replay, blackbox::Options box,
                                                  const blackbox::HandlerFactory& make_handler,
                                                  const core::StopFlag& stop = core::StopFlag(),
                                                  const OnStatus& on_status = {});

}  // namespace tapedeck::replay
