// The rival of bench/end_to_end: publish-subscribe as in the textbook, one frame per message over PUB and SUB. Two
// processes: `textbook pub ENDPOINT MESSAGES BYTES` binds, waits for a subscriber and sends; `textbook sub ENDPOINT
// FRAMES` connects, queues so many frames at most, adds up every 8-byte word and prints messages, seconds and
// messages/s as JSON. A message of one byte ends it. With BYTES of 1 MiB it is also the bound: bare ZeroMQ with large
// frames.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "engine/core/bytes.h"
#include "engine/transport/socket.h"

namespace {

using Clock = std::chrono::steady_clock;

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int publish(const std::string& endpoint, uint64_t messages, size_t bytes) {
  const std::vector<std::byte> payload(bytes, std::byte{0x5a});  // outlives the context, which sends from it
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::xpub_nodrop, true);  // lossless, as the replay is
  socket.set(zmq::sockopt::sndhwm, bytes >= 65536 ? 16 : 100'000);
  const auto bound = tapedeck::transport::bind(socket, tapedeck::transport::parse_endpoint(endpoint).value());
  if (!bound) {
    fmt::print(stderr, "textbook: {}\n", bound.error().message);
    return 1;
  }
  zmq::message_t subscription;
  static_cast<void>(socket.recv(subscription));
  for (uint64_t i = 0; i < messages; ++i) {
    // Large payloads are sent where they lie, which is the best that ZeroMQ can do.
    zmq::message_t message = bytes >= 65536
                                 ? zmq::message_t(const_cast<std::byte*>(payload.data()), bytes, [](void*, void*) {})
                                 : zmq::message_t(payload.data(), bytes);
    socket.send(message, zmq::send_flags::none);
  }
  socket.send(zmq::message_t(1), zmq::send_flags::none);
  return 0;
}

int subscribe(const std::string& endpoint, int frames) {
  tapedeck::transport::keep_message_memory();
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::rcvhwm, frames);
  socket.set(zmq::sockopt::subscribe, "");
  socket.connect(endpoint);
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t sum = 0;
  Clock::time_point start;
  zmq::message_t message;
  while (socket.recv(message)) {
    if (message.size() == 1) break;
    if (messages == 0) start = Clock::now();
    const auto* at = message.data<std::byte>();
    const size_t size = message.size();
    for (size_t i = 0; i + 8 <= size; i += 8) sum += tapedeck::core::load_le<uint64_t>(at + i);
    ++messages;
    bytes += size;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  fmt::print(R"({{"messages": {}, "seconds": {}, "messages_per_s": {}, "bytes_per_s": {}, "sum": {}}})"
             "\n",
             messages, seconds, static_cast<double>(messages) / seconds, static_cast<double>(bytes) / seconds, sum);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 4 && arguments[0] == "pub") {
    return publish(arguments[1], number(arguments[2]), number(arguments[3]));
  }
  if (arguments.size() == 3 && arguments[0] == "sub") {
    return subscribe(arguments[1], static_cast<int>(number(arguments[2])));
  }
  fmt::print(stderr, "usage: textbook pub ENDPOINT MESSAGES BYTES | textbook sub ENDPOINT FRAMES\n");
  return 2;
}
