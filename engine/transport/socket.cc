#include "engine/transport/socket.h"

#include <malloc.h>
#include <sched.h>

#include <climits>

#include "engine/transport/loopback_listener.h"
#include "engine/transport/nic.h"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace tapedeck::transport {
namespace {

// The kernel doubles it. Where net.core.rmem_max allows less (208 KiB on many systems) it is less.
constexpr int kLoopbackReceiveBytes = 384 * 1024;
constexpr int kAsTheSystemHasIt = -1;

tl::unexpected<core::Error> cannot_bind(const Endpoint& endpoint, int error) {
  return core::fail("cannot bind {}: {}{}", endpoint.text(), zmq_strerror(error),
                    error == EADDRINUSE ? "; another program listens there: choose another port" : "");
}

// libzmq hands memory from thread to thread by atomics that ThreadSanitizer does not see, for it is not built with it.
void tell_given([[maybe_unused]] zmq::message_t& message) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(message.data());
#endif
}
void tell_taken([[maybe_unused]] zmq::message_t& message) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(message.data());
#endif
}

// libzmq takes a listening socket in the place of the endpoint that it is told to bind.
core::Status lend_listener(zmq::socket_t& socket, const Endpoint& endpoint) {
  int fd = -1;  // none: libzmq makes its own
  if (endpoint.scheme == Scheme::kTcp && is_loopback(endpoint.host)) {
    const auto listener = listen_on_loopback(endpoint.host, endpoint.port);
    if (!listener) return cannot_bind(endpoint, listener.error());
    fd = *listener;
  }
  socket.set(zmq::sockopt::use_fd, fd);
  return {};
}

core::Result<std::string> nic_address(const std::string& name_or_address) {
  TD_ASSIGN(const topology::Nic nic, find_nic(name_or_address));
  return ipv4_of(nic, name_or_address);
}

// What to bind for an endpoint that names an interface.
core::Result<Endpoint> on_its_nic(Endpoint endpoint) {
  if (endpoint.nic.empty()) return endpoint;
  TD_ASSIGN(const std::string address, nic_address(endpoint.nic));
  if (endpoint.host != "*" && endpoint.host != address) {
    return core::fail_with(core::ExitCode::kUsage, "cannot bind {}: {} has the address {}; use tcp://*:{}@{}",
                           endpoint.text(), endpoint.nic, address, endpoint.port, endpoint.nic);
  }
  endpoint.host = address;
  endpoint.nic.clear();
  return endpoint;
}

// Before the first socket of `context`. Gives what cannot be done, as sentences.
std::vector<std::string> place_io_threads(zmq::context_t& context, const topology::ThreadPlace& place, int number) {
  topology::Feasible feasible = topology::feasible_part_of(place);
  context.set(zmq::ctxopt::thread_name_prefix, number);
  if (feasible.place.cpu) context.set(zmq::ctxopt::thread_affinity_cpu_add, static_cast<int>(*feasible.place.cpu));
  if (feasible.place.fifo_priority) {
    context.set(zmq::ctxopt::thread_sched_policy, SCHED_FIFO);
    context.set(zmq::ctxopt::thread_priority, *feasible.place.fifo_priority);
  }
  return std::move(feasible.problems);
}

}  // namespace

std::vector<zmq::context_t> make_networks(size_t count, const std::vector<topology::ShardPlace>& places,
                                          core::Notices& notices) {
  std::vector<zmq::context_t> networks;
  for (size_t i = 0; i < count; ++i) {
    zmq::context_t& network = networks.emplace_back(1);
    if (i < places.size()) notices.add(place_io_threads(network, places[i].io, static_cast<int>(i)));
  }
  return networks;
}

core::Result<zmq::socket_t> make_socket(zmq::context_t& context, zmq::socket_type type) try {
  return zmq::socket_t(context, type);
} catch (const zmq::error_t& error) {
  return core::fail("cannot make a socket: {}", error.what());
}

core::Result<std::string> bind(zmq::socket_t& socket, const Endpoint& asked) {
  TD_TRY(check_free(asked));
  TD_ASSIGN(const Endpoint endpoint, on_its_nic(asked));
  TD_TRY(lend_listener(socket, endpoint));
  try {
    socket.bind(endpoint.text());
  } catch (const zmq::error_t& error) {
    return cannot_bind(endpoint, error.num());
  }
  return socket.get(zmq::sockopt::last_endpoint);
}

core::Status connect(zmq::socket_t& socket, const Endpoint& endpoint) {
  if (endpoint.nic.empty()) return connect(socket, endpoint.text());
  TD_ASSIGN(const std::string source, nic_address(endpoint.nic));
  return connect(socket, fmt::format("tcp://{}:0;{}:{}", source, endpoint.host, endpoint.port));
}

core::Status connect_for_data(zmq::socket_t& socket, const Endpoint& endpoint) {
  const bool is_short = endpoint.scheme == Scheme::kTcp && is_loopback(endpoint.host);
  socket.set(zmq::sockopt::rcvbuf, is_short ? kLoopbackReceiveBytes : kAsTheSystemHasIt);
  return connect(socket, endpoint);
}

core::Status connect(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    socket.connect(endpoint);
  } catch (const zmq::error_t& error) {
    return core::fail("cannot connect to {}: {}", endpoint, error.what());
  }
  return {};
}

bool receive(zmq::socket_t& socket, zmq::message_t& message, zmq::recv_flags flags) {
  try {
    const bool received = socket.recv(message, flags).has_value();
    if (received) tell_taken(message);
    return received;
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return false;
    throw;
  }
}

bool send(zmq::socket_t& socket, zmq::message_t& message, zmq::send_flags flags) {
  try {
    tell_given(message);
    return socket.send(message, flags).has_value();
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return false;
    throw;
  }
}

zmq::message_t message_in(core::BufferLease lease, size_t offset, size_t size) {
  core::Buffer* buffer = lease.detach();
  const auto give_back = [](void*, void* hint) {
    auto* sent = static_cast<core::Buffer*>(hint);
    sent->pool->release(sent);
  };
  return {buffer->bytes.data() + offset, size, give_back, buffer};
}

void keep_message_memory() {
  // One arena, because one thread allocates a message and another frees it; never trimmed, and large messages from the
  // heap rather than from a mapping of their own, whose pages would be new each time.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 16 << 20);
}

std::string reachable(const std::string& session_endpoint, const Endpoint& data) {
  constexpr std::string_view kScheme = "tcp://";
  if (data.scheme != Scheme::kTcp || !session_endpoint.starts_with(kScheme)) return session_endpoint;
  const size_t colon = session_endpoint.rfind(':');
  const std::string host = session_endpoint.substr(kScheme.size(), colon - kScheme.size());
  if (host != "*" && host != "0.0.0.0" && host != "[::]") return session_endpoint;
  return fmt::format("{}{}{}", kScheme, data.host, session_endpoint.substr(colon));
}

}  // namespace tapedeck::transport
