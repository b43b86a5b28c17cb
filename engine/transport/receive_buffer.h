// A socket's receive buffer, as large as asked for where permissions allow it, otherwise as large as anybody gets.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>

namespace tapedeck::transport {

// Gives what it became, in bytes; it counts the kernel's own bytes too.
inline uint64_t set_receive_buffer(int socket, uint64_t bytes) {
  const int asked = static_cast<int>(std::min<uint64_t>(bytes, 1u << 30));
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof asked) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked);
  }
  int got = 0;
  socklen_t size = sizeof got;
  getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &got, &size);
  return static_cast<uint64_t>(got) / 2;  // the kernel doubles it
}

}  // namespace tapedeck::transport
