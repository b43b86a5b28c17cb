#include "engine/clone/link.h"

#include <charconv>

namespace tapedeck::clone {
namespace {

constexpr int kUpdatesQueued = 100'000;  // beyond that TCP holds the server back
constexpr int kSendQueued = 10'000;
constexpr int kReconnect_ms = 50;
constexpr int kReconnectMax_ms = 1'000;

core::Result<zmq::socket_t> make_socket(zmq::context_t& context, zmq::socket_type type) {
  TD_ASSIGN(zmq::socket_t socket, transport::make_socket(context, type));
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(kValueBytesMax));
  socket.set(zmq::sockopt::reconnect_ivl, kReconnect_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, kReconnectMax_ms);
  return socket;
}

core::Status connect_to(zmq::socket_t& socket, const std::string& host, int port) {
  return transport::connect(socket, fmt::format("tcp://{}:{}", host, port));
}

}  // namespace

core::Result<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool has_host = colon != std::string_view::npos;
  Address address{.host = has_host ? std::string(text.substr(0, colon)) : "127.0.0.1"};
  const std::string_view port = has_host ? text.substr(colon + 1) : text;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || address.port == 0 || address.port > UINT16_MAX - 2 ||
      address.host.empty()) {
    return core::fail_with(core::ExitCode::kUsage, "bad server '{}': expected HOST:PORT or PORT, e.g. 127.0.0.1:5570",
                           text);
  }
  return address;
}

core::Result<Link> Link::connect(zmq::context_t& context, const Address& server, const std::string& subtree,
                                 Collector collector) {
  Link link;
  link.context_ = &context;
  link.server_ = server;
  TD_ASSIGN(link.sub_, make_socket(context, zmq::socket_type::sub));
  link.sub_.set(zmq::sockopt::rcvhwm, kUpdatesQueued);
  link.sub_.set(zmq::sockopt::subscribe, subtree);
  link.sub_.set(zmq::sockopt::subscribe, kHeartbeat);
  const bool push = collector == Collector::kPull;
  TD_ASSIGN(link.up_, make_socket(context, push ? zmq::socket_type::push : zmq::socket_type::xpub));
  link.up_.set(zmq::sockopt::sndhwm, kSendQueued);
  if (push) {
    link.up_.set(zmq::sockopt::immediate, true);
  } else {
    link.up_.set(zmq::sockopt::xpub_nodrop, true);
  }
  TD_TRY(connect_to(link.sub_, server.host, server.port + 1));
  TD_TRY(connect_to(link.up_, server.host, server.port + 2));
  link.subscribed_ = push;
  return link;
}

core::Status Link::ask(const std::string& subtree) {
  TD_ASSIGN(dealer_, make_socket(*context_, zmq::socket_type::dealer));
  TD_TRY(connect_to(dealer_, server_.host, server_.port));
  ask_again(subtree);
  return {};
}

// Not sent where the queue is full, for then nobody answers.
void Link::ask_again(const std::string& subtree) {
  if (send_frame(dealer_, frame_of(kRequest), true) != Sent::kYes) return;
  static_cast<void>(send_frame(dealer_, frame_of(subtree), false));
}

bool Link::can_send() {
  zmq::message_t subscription;
  while (up_.get(zmq::sockopt::type) == ZMQ_XPUB && transport::receive(up_, subscription, zmq::recv_flags::dontwait)) {
    subscribed_ = subscription.size() == 1 && *subscription.data<char>() == 1;  // to everything, or no more
  }
  return subscribed_;
}

bool Link::send(const Message& update) { return clone::send(up_, update) == Sent::kYes; }

}  // namespace tapedeck::clone
