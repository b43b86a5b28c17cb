#include "engine/transport/lines.h"

#include "engine/transport/udp_line.h"

namespace tapedeck::transport {

core::Result<std::unique_ptr<LineSender>> make_line_sender(const MulticastSettings& settings, core::Notices& notices,
                                                           const core::Clock& clock) {
  return make_udp_sender(settings, notices, clock);
}

core::Result<std::unique_ptr<LineReceiver>> make_line_receiver(const MulticastSettings& settings,
                                                               core::Notices& notices) {
  return make_udp_receiver(settings, notices);
}

}  // namespace tapedeck::transport
