// Plays a tape at full speed to handlers of this process, without a wire (direct_worker.h): starts the workers, tells
// how far they are, and makes report and receipt of what they did.
#pragma once

#include "replay/embedded.h"

namespace tapedeck::replay {

// Lane i goes to worker i modulo their number. `box` has been checked. Blocks. Errors: those of open_source, and a
// handler that threw.
[[nodiscard]] core::Result<Embedded> play_direct(const Options& options, const blackbox::Options& box,
                                                 const blackbox::HandlerFactory& make_handler,
                                                 const core::StopFlag& stop, const OnStatus& on_status);

}  // namespace tapedeck::replay
