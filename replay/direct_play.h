// Plays a tape at full speed to handlers of this process, without a wire (direct_worker.h): starts the workers, tells
// how far they are, and makes report and receipt of what they did.
#pragma once

#include "replay/embedded.h"

namespace tapedeck::replay {

// The lanes are dealt to the workers by their bytes (deal_lanes). `box` has been checked. Blocks. Errors: those of
// open_source, and a handler that threw.
[[nodiscard]] core::Result<Embedded> play_direct(const Options& options, const blackbox::Options& box,
                                                 const blackbox::HandlerFactory& make_handler,
                                                 const core::StopFlag& stop, const OnStatus& on_status);

}  // namespace tapedeck::replay
