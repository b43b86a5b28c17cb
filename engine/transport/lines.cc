#include "engine/transport/lines.h"

#include "engine/transport/pgm_line.h"
#include "engine/transport/udp_line.h"

namespace tapedeck::transport {

core::Result<std::unique_ptr<LineSender>> make_line_sender(const MulticastSettings& settings, core::Notices& notices,
                                                           const core::Clock& clock) {
  if (settings.scheme == Scheme::kUdp) return make_udp_sender(settings, notices, clock);
  return make_pgm_sender(settings, notices);
}

core::Result<std::unique_ptr<LineReceiver>> make_line_receiver(const MulticastSettings& settings,
                                                               core::Notices& notices) {
  if (settings.scheme == Scheme::kUdp) return make_udp_receiver(settings, notices);
  return make_pgm_receiver(settings, notices);
}

}  // namespace tapedeck::transport
