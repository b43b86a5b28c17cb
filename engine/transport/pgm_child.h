// What `tapedeck pgm-line` does: runs OpenPGM (pgm_socket.h) with ZeroMQ's messages (pgm_stream.h), for the process
// that has started it and holds the other end of `socket` (pgm_packet.h). It may abort at any time on what comes from
// the network, and it ends when its parent does. Called from main, once.
#pragma once

#include "engine/core/status.h"
#include "engine/transport/multicast.h"
#include "engine/transport/pgm_process.h"

namespace tapedeck::transport {

// Of the settings it uses scheme, group, port, interface (an address), rate, window, recovery, MTU, hops and buffer.
// Returns when the parent has closed its end and all is sent. Fails with what it has told the parent, if it cannot run.
[[nodiscard]] core::Status run_pgm_child(PgmRole role, const MulticastSettings& settings, int socket);

}  // namespace tapedeck::transport
