#include "engine/transport/receive_buffer.h"

#include <sys/socket.h>

#include <algorithm>

#include "engine/core/parse.h"

namespace tapedeck::transport {

uint64_t set_receive_buffer(int socket, uint64_t bytes) {
  const int asked = static_cast<int>(std::min<uint64_t>(bytes, 1u << 30));
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof asked) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked);
  }
  int got = 0;
  socklen_t size = sizeof got;
  getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &got, &size);
  return static_cast<uint64_t>(got) / 2;  // the kernel doubles it
}

void tell_of_small_buffer(const MulticastSettings& settings, uint64_t got_bytes, core::Notices& notices) {
  if (got_bytes >= settings.buffer_bytes) return;
  notices.add(
      {fmt::format("the socket of {}:{} on {} has a buffer of {}, not {}: `sysctl -w net.core.rmem_max={}`, or "
                   "give the capability cap_net_admin",
                   settings.group, settings.port, settings.nic, core::format_bytes(got_bytes),
                   core::format_bytes(settings.buffer_bytes), settings.buffer_bytes)});
}

}  // namespace tapedeck::transport
