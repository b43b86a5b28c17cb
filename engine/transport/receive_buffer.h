// A socket's receive buffer, as large as asked for where permissions allow it, otherwise as large as anybody gets.
#pragma once

#include <cstdint>

#include "engine/core/notices.h"
#include "engine/transport/multicast.h"

namespace tapedeck::transport {

// Gives what it became, in bytes; it counts the kernel's own bytes too.
uint64_t set_receive_buffer(int socket, uint64_t bytes);

// Tells the user of a line what to do about a buffer that has become smaller than asked for.
void tell_of_small_buffer(const MulticastSettings& settings, uint64_t got_bytes, core::Notices& notices);

}  // namespace tapedeck::transport
