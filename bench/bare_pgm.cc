// A bound of bench/multicast: bare ZeroMQ over PGM or EPGM, with the settings that were found to be the best.
// `bare_pgm sub ENDPOINT [OPTIONS]` prints "ready" when it has joined, and at the end messages, lost (by sequence),
// bytes, seconds and bytes/s as JSON; `bare_pgm pub ENDPOINT [OPTIONS]` sends so many messages, each with its number in
// front, and repeats the mark of their end for a second. ENDPOINT is ZeroMQ's: epgm://ADDRESS;GROUP:PORT. Both must be
// given the same --mtu and --window.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "engine/core/bytes.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr uint64_t kEnd = UINT64_MAX;  // in place of a number
constexpr auto kEndRepeated = 1s;
constexpr auto kSilence = 5s;

struct Options {
  std::string role;
  std::string endpoint;
  uint64_t messages = 100'000;
  size_t bytes = 1400;           // of a message
  int rate_mbit_per_s = 2000;    // beyond what it reaches at an MTU of 1500; at 9000, 2400 is the most without loss
  int window_bytes = 3'000'000;  // that can be sent again, rate times recovery interval; small enough for caches
  int mtu_bytes = 1500;
  int queue = 1000;              // messages
  int buffer_bytes = 4'000'000;  // of the socket: the default one loses half; 0: the system's default
};

zmq::socket_t open(zmq::context_t& context, zmq::socket_type type, const Options& options) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::rate, options.rate_mbit_per_s * 1000);
  socket.set(zmq::sockopt::recovery_ivl, options.window_bytes / (options.rate_mbit_per_s * 125));
  socket.set(zmq::sockopt::multicast_maxtpdu, options.mtu_bytes);
  socket.set(zmq::sockopt::sndhwm, options.queue);
  socket.set(zmq::sockopt::rcvhwm, options.queue);
  if (options.buffer_bytes != 0) {
    socket.set(zmq::sockopt::sndbuf, options.buffer_bytes);
    socket.set(zmq::sockopt::rcvbuf, options.buffer_bytes);
  }
  socket.set(zmq::sockopt::linger, 1000);
  return socket;
}

int publish(const Options& options) {
  zmq::context_t context(1);
  zmq::socket_t socket = open(context, zmq::socket_type::xpub, options);
  socket.set(zmq::sockopt::xpub_nodrop, true);  // waits for the rate instead
  socket.connect(options.endpoint);
  const auto send = [&](uint64_t number) {
    zmq::message_t message(options.bytes);
    std::fill_n(message.data<std::byte>(), message.size(), std::byte{0x5a});
    tapedeck::core::store_le(message.data<std::byte>(), number);
    socket.send(message, zmq::send_flags::none);
  };
  for (uint64_t i = 0; i < options.messages; ++i) send(i);
  for (const auto end = Clock::now() + kEndRepeated; Clock::now() < end; std::this_thread::sleep_for(10ms)) send(kEnd);
  return 0;
}

int subscribe(const Options& options) {
  zmq::context_t context(1);
  zmq::socket_t socket = open(context, zmq::socket_type::sub, options);
  socket.set(zmq::sockopt::subscribe, "");
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(kSilence).count()));
  socket.connect(options.endpoint);
  uint64_t messages = 0;
  uint64_t torn = 0;  // of another size than was sent
  uint64_t bytes = 0;
  uint64_t sum = 0;
  Clock::time_point start;
  Clock::time_point last;
  zmq::message_t message;
  fmt::print("ready\n");
  std::fflush(stdout);
  zmq::recv_result_t received;
  socket.set(zmq::sockopt::rcvtimeo, -1);
  while ((received = socket.recv(message))) {
    const auto* at = message.data<std::byte>();
    if (tapedeck::core::load_le<uint64_t>(at) == kEnd) break;
    if (messages == 0) {
      start = Clock::now();
      socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(kSilence).count()));
    }
    if (message.size() != options.bytes) {
      ++torn;
      continue;
    }
    for (size_t i = 0; i + 8 <= message.size(); i += 8) sum += tapedeck::core::load_le<uint64_t>(at + i);
    ++messages;
    bytes += message.size();
    last = Clock::now();
  }
  const double seconds = std::chrono::duration<double>(last - start).count();
  fmt::print(
      R"({{"messages": {}, "lost": {}, "torn": {}, "ended": {}, "bytes": {}, "seconds": {}, "bytes_per_s": {}, "sum": {}}})"
      "\n",
      messages, options.messages - messages, torn, received.has_value(), bytes, seconds,
      static_cast<double>(bytes) / seconds, sum);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Bare ZeroMQ over PGM.");
  app.add_option("role", options.role)->required()->check(CLI::IsMember({"pub", "sub"}));
  app.add_option("endpoint", options.endpoint)->required();
  app.add_option("--messages", options.messages);
  app.add_option("--bytes", options.bytes)->check(CLI::Range(8, 1 << 20));
  app.add_option("--rate", options.rate_mbit_per_s, "Mbit/s")->check(CLI::PositiveNumber);
  app.add_option("--window", options.window_bytes)->check(CLI::PositiveNumber);
  app.add_option("--mtu", options.mtu_bytes);
  app.add_option("--queue", options.queue);
  app.add_option("--buffer", options.buffer_bytes);
  CLI11_PARSE(app, argc, argv);
  return options.role == "pub" ? publish(options) : subscribe(options);
}
