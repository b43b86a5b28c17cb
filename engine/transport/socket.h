// The few things that every user of ZeroMQ here needs: errors as sentences, endpoints bound and connected, messages
// sent and received in ways that look at a stop flag. Sockets belong to one thread. Hot paths use zmq::socket_t
// directly.
#pragma once

#include <chrono>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "engine/core/buffer_pool.h"
#include "engine/core/notices.h"
#include "engine/core/status.h"
#include "engine/topology/pinning.h"
#include "engine/transport/endpoint.h"

namespace tapedeck::transport {

// How long receives and sends wait before they look at their stop flag.
inline constexpr std::chrono::milliseconds kPollInterval{50};

// Fails where the process has no handles left.
[[nodiscard]] core::Result<zmq::socket_t> make_socket(zmq::context_t& context, zmq::socket_type type);
// Binds, and gives the endpoint with the port that it got. Fails where it is in use or cannot be, and says so.
[[nodiscard]] core::Result<std::string> bind(zmq::socket_t& socket, const Endpoint& endpoint);
[[nodiscard]] core::Status connect(zmq::socket_t& socket, const std::string& endpoint);
[[nodiscard]] core::Status connect(zmq::socket_t& socket, const Endpoint& endpoint);
// As connect, for what is received by the gigabyte: over loopback the kernel's queue is kept so short that what one end
// writes is still in the caches when the other reads it (docs/decisions/0003-congestion-control-on-loopback.md).
[[nodiscard]] core::Status connect_for_data(zmq::socket_t& socket, const Endpoint& endpoint);

// Receive and send one message or part. False if that was not possible in time; a signal that comes while they wait
// ends the wait like a time-out, for then there may be a stop flag to look at.
[[nodiscard]] bool receive(zmq::socket_t& socket, zmq::message_t& message,
                           zmq::recv_flags flags = zmq::recv_flags::none);
[[nodiscard]] bool send(zmq::socket_t& socket, zmq::message_t& message, zmq::send_flags flags = zmq::send_flags::none);

// Contexts for shards or SUB threads, each with one I/O thread, which gets the CPU and scheduling of its place where
// there is one, and the number of the context in its name, as in "0/ZMQbg/IO/0". What cannot be done is left out and
// noticed; ZeroMQ itself would abort.
[[nodiscard]] std::vector<zmq::context_t> make_networks(size_t count, const std::vector<topology::ShardPlace>& places,
                                                        core::Notices& notices);

// A message that lies in `size` bytes of a pool's buffer from `offset`, which goes back to its pool when ZeroMQ has
// sent the last byte of it. Nothing is copied.
[[nodiscard]] zmq::message_t message_in(core::BufferLease buffer, size_t offset, size_t size);

[[nodiscard]] inline core::Bytes bytes_of(const zmq::message_t& message) {
  return {message.data<std::byte>(), message.size()};
}

// Makes glibc's allocator keep the memory of messages instead of giving it back to the system: worth a third of the
// throughput of a subscriber. For programs that use it. Call it early; it concerns the whole process.
void keep_message_memory();

// Replaces the host of a session endpoint that is "*", 0.0.0.0 or [::] by the host that the data came from.
[[nodiscard]] std::string reachable(const std::string& session_endpoint, const Endpoint& data);

}  // namespace tapedeck::transport
