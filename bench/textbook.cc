// The rival of bench/end_to_end: publish-subscribe as in the textbook, one frame per message over PUB and SUB. Two
// processes: `textbook pub ENDPOINT MESSAGES BYTES` binds, waits for a subscriber and sends; `textbook sub ENDPOINT
// FRAMES` connects, queues so many frames at most, adds up every 8-byte word and prints messages, seconds and
// messages/s as JSON. A message of one byte ends it. With BYTES of 1 MiB it is also the bound: bare ZeroMQ with large
// frames, which are one buffer again and again; with `textbook pub ENDPOINT MESSAGES BYTES TAPE` they are what stands
// in the tape's files, in order, read into recycled buffers.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "bench/segments.h"
#include "engine/core/buffer_pool.h"
#include "engine/transport/socket.h"

namespace {

using Clock = std::chrono::steady_clock;

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Large payloads are sent where they lie, which is the best that ZeroMQ can do.
constexpr bool is_large(size_t bytes) { return bytes >= 65536; }

// The next message to send, of `bytes` bytes.
using NextMessage = std::function<zmq::message_t()>;

NextMessage the_same_again(const std::vector<std::byte>& payload) {
  return [&payload] {
    return is_large(payload.size())
               ? zmq::message_t(const_cast<std::byte*>(payload.data()), payload.size(), [](void*, void*) {})
               : zmq::message_t(payload.data(), payload.size());
  };
}

// Pieces of the files of a tape, from the first again after the last; what is left at the end of a file is passed over.
NextMessage read_from(std::vector<tapedeck::core::File> files, tapedeck::core::BufferPool& pool, size_t bytes) {
  std::erase_if(files, [bytes](const auto& file) { return file.size().value() < bytes; });
  if (files.empty()) {
    fmt::print(stderr, "textbook: no file of the tape has {} bytes: make a larger one\n", bytes);
    std::exit(1);
  }
  return [files = std::make_shared<std::vector<tapedeck::core::File>>(std::move(files)), &pool, bytes, file = size_t{0},
          at = uint64_t{0}]() mutable {
    while (at + bytes > (*files)[file].size().value()) {
      file = (file + 1) % files->size();
      at = 0;
    }
    const tapedeck::core::StopFlag never;
    tapedeck::core::BufferLease buffer(pool.acquire(never));
    if (!(*files)[file].read_at(at, buffer.bytes().first(bytes))) std::abort();
    at += bytes;
    return tapedeck::transport::message_in(std::move(buffer), 0, bytes);
  };
}

int publish(const std::string& endpoint, uint64_t messages, size_t bytes, const NextMessage& next) {
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::xpub_nodrop, true);  // lossless, as the replay is
  socket.set(zmq::sockopt::sndhwm, is_large(bytes) ? 16 : 100'000);
  const auto bound = tapedeck::transport::bind(socket, tapedeck::transport::parse_endpoint(endpoint).value());
  if (!bound) {
    fmt::print(stderr, "textbook: {}\n", bound.error().message);
    return 1;
  }
  zmq::message_t subscription;
  static_cast<void>(socket.recv(subscription));
  for (uint64_t i = 0; i < messages; ++i) socket.send(next(), zmq::send_flags::none);
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
  if ((arguments.size() == 4 || arguments.size() == 5) && arguments[0] == "pub") {
    const uint64_t messages = number(arguments[2]);
    const size_t bytes = number(arguments[3]);
    // Both outlive the context, which sends from them.
    const std::vector<std::byte> payload(bytes, std::byte{0x5a});
    tapedeck::core::BufferPool pool(4, bytes);
    const bool reads = arguments.size() == 5;
    return publish(
        arguments[1], messages, bytes,
        reads ? read_from(tapedeck::bench::open_segments(arguments[4]), pool, bytes) : the_same_again(payload));
  }
  if (arguments.size() == 3 && arguments[0] == "sub") {
    return subscribe(arguments[1], static_cast<int>(number(arguments[2])));
  }
  fmt::print(stderr, "usage: textbook pub ENDPOINT MESSAGES BYTES [TAPE] | textbook sub ENDPOINT FRAMES\n");
  return 2;
}
