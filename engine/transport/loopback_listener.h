// A listening TCP socket on this host's loopback, made by us rather than by libzmq, for the sake of one option: its
// connections use the congestion control "reno". Where a system's default is BBR, its pacing of a link that has no
// bandwidth costs a third of the throughput (docs/decisions/0003-congestion-control-on-loopback.md).
#pragma once

#include <string_view>

#include "engine/core/status.h"

namespace tapedeck::transport {

// "localhost" and addresses of 127.0.0.0/8.
[[nodiscard]] bool is_loopback(std::string_view host);

// A socket that is bound and listens, for ZMQ_USE_FD; whoever takes it closes it. `host` is_loopback(); `port` is 0 to
// 65535, 0 or "*" takes a free one. On failure the system's error number.
[[nodiscard]] tl::expected<int, int> listen_on_loopback(std::string_view host, std::string_view port);

}  // namespace tapedeck::transport
