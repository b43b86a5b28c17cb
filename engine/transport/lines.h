// Makes the line that settings describe, of whichever kind it is.
#pragma once

#include <memory>

#include "engine/core/clock.h"
#include "engine/core/notices.h"
#include "engine/transport/line.h"
#include "engine/transport/multicast.h"

namespace tapedeck::transport {

[[nodiscard]] core::Result<std::unique_ptr<LineSender>> make_line_sender(const MulticastSettings& settings,
                                                                         core::Notices& notices,
                                                                         const core::Clock& clock);
[[nodiscard]] core::Result<std::unique_ptr<LineReceiver>> make_line_receiver(const MulticastSettings& settings,
                                                                             core::Notices& notices);

}  // namespace tapedeck::transport
