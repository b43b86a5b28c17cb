// Lines of plain UDP multicast. Datagrams leave in batches that the kernel cuts (UDP_SEGMENT), and arrive in batches
// that it has joined (UDP_GRO), where it can.
#pragma once

#include <memory>

#include "engine/core/clock.h"
#include "engine/core/notices.h"
#include "engine/transport/line.h"
#include "engine/transport/multicast.h"

namespace tapedeck::transport {

// What the system did not do as asked, such as a smaller buffer, is a notice. Fails with what the system said.
[[nodiscard]] core::Result<std::unique_ptr<LineSender>> make_udp_sender(const MulticastSettings& settings,
                                                                        core::Notices& notices,
                                                                        const core::Clock& clock);
[[nodiscard]] core::Result<std::unique_ptr<LineReceiver>> make_udp_receiver(const MulticastSettings& settings,
                                                                            core::Notices& notices);

}  // namespace tapedeck::transport
