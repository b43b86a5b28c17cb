// Sends or receives numbered datagrams over a PGM line, for pgm_line_test.py. Each says its number, and has a size and
// bytes that follow from it. Prints a JSON object every 20 ms and a last one; ends after so many, or on SIGTERM.
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/core/clock.h"
#include "engine/transport/pgm_line.h"

namespace {

using namespace tapedeck;
using Json = nlohmann::json;

constexpr int64_t kReport_ns = 20'000'000;
constexpr uint64_t kEnd = UINT64_MAX;  // in place of a number

struct Options {
  std::string role;
  std::string endpoint;
  transport::MulticastOptions multicast;
  uint64_t messages = UINT64_MAX;
  size_t bytes = 0;          // 0: all sizes that there are
  size_t message_bytes = 0;  // of messages, sent one by one; 0: datagrams
  uint64_t batches_per_s = 0;
  uint64_t rejoin_after = UINT64_MAX;  // datagrams
  bool cheap = false;                  // looks at the number only
  int cpu = -1;                        // that the thread is pinned to once the line is there; -1: none
};

size_t size_of(uint64_t number, const Options& options, size_t max) {
  if (options.message_bytes != 0) return options.message_bytes;
  if (options.bytes != 0) return options.bytes;
  return 8 + number * 7919 % (max - 7);
}

void fill(core::MutableBytes datagram, uint64_t number) {
  core::store_le(datagram.data(), number);
  for (size_t i = 8; i < datagram.size(); ++i) datagram[i] = static_cast<std::byte>(number * 31 + i);
}

bool is_right(core::Bytes datagram, uint64_t number) {
  for (size_t i = 8; i < datagram.size(); ++i) {
    if (datagram[i] != static_cast<std::byte>(number * 31 + i)) return false;
  }
  return true;
}

class Reporter {
 public:
  // Whether it is time for another.
  bool is_due() {
    const int64_t now_ns = core::system_clock().monotonic_ns();
    if (now_ns < next_ns_) return false;
    next_ns_ = now_ns + kReport_ns;
    return true;
  }
  static void print(const Json& json) {
    fmt::print("{}\n", json.dump());
    std::fflush(stdout);
  }

 private:
  int64_t next_ns_ = 0;
};

int failed(const core::Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return static_cast<int>(error.code);
}

// As a plan does with the thread of a line.
void take_place(const Options& options) {
  if (options.cpu < 0) return;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(options.cpu, &cpus);
  const sched_param priority{.sched_priority = 1};
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0 || sched_setscheduler(0, SCHED_FIFO, &priority) != 0) {
    std::abort();
  }
}

int send(const Options& options, const transport::MulticastSettings& settings) {
  const core::StopFlag& stop = core::stop_on_signals();
  const core::StopFlag never;
  core::Notices notices;
  auto sender = transport::make_pgm_sender(settings, notices);
  if (!sender) return failed(sender.error());
  transport::PgmSender& line = **sender;
  take_place(options);
  transport::DatagramBatch batch(line.datagrams_at_once(), line.datagram_bytes());
  std::vector<std::byte> message(options.message_bytes);
  Reporter reporter;
  uint64_t number = 0;
  const auto json = [&](bool last) {
    return Json{
        {"sent", number}, {"restarts", line.restarts()}, {"notices", notices.all()}, {"ready", 1}, {"last", last}};
  };
  const int64_t start_ns = core::system_clock().monotonic_ns();
  for (int64_t i = 1; number < options.messages && !stop.requested(); ++i) {
    if (options.message_bytes != 0) {
      fill(message, number++);
      static_cast<void>(line.send_message(message, never));  // what is counted is sent, whatever comes meanwhile
    } else {
      for (batch.clear(); !batch.full() && number < options.messages; ++number) {
        const size_t size = size_of(number, options, line.datagram_bytes());
        const core::MutableBytes datagram = batch.next().first(size);
        options.cheap ? core::store_le(datagram.data(), number) : fill(datagram, number);
        batch.commit(size);
      }
      static_cast<void>(line.send(batch, never));
    }
    if (reporter.is_due()) Reporter::print(json(false));
    if (options.batches_per_s != 0) {
      core::system_clock().sleep_until(start_ns + i * 1'000'000'000 / static_cast<int64_t>(options.batches_per_s),
                                       stop);
    }
  }
  batch.clear();
  core::store_le(batch.next().data(), kEnd);
  batch.commit(8);
  static_cast<void>(line.send(batch, never));
  const Json last = json(true);
  sender->reset();
  Reporter::print(last);
  return 0;
}

int receive(Options options, const transport::MulticastSettings& settings) {
  const core::StopFlag& stop = core::stop_on_signals();
  core::Notices notices;
  auto receiver = transport::make_pgm_receiver(settings, notices);
  if (!receiver) return failed(receiver.error());
  transport::PgmReceiver& line = **receiver;
  Reporter reporter;
  uint64_t received = 0, next = 0, lost = 0, wrong = 0, bytes = 0;
  int64_t first_ns = 0, last_ns = 0;
  bool ended = false;
  uint64_t rejoined_at = 0;
  const auto take = [&](core::Bytes datagram) {
    const uint64_t number = datagram.size() < 8 ? 0 : core::load_le<uint64_t>(datagram.data());
    if (number == kEnd) {
      ended = true;
    } else if (datagram.size() != size_of(number, options, settings.datagram_bytes) || number < next ||
               (!options.cheap && !is_right(datagram, number))) {
      ++wrong;
    } else {
      if (received == 0) first_ns = core::system_clock().monotonic_ns();
      lost += number - next;
      next = number + 1;
      ++received;
      bytes += datagram.size();
    }
  };
  const auto json = [&](bool last) {
    return Json{{"received", received},
                {"next", next},
                {"lost", lost},
                {"wrong", wrong},
                {"bytes", bytes},
                {"bytes_per_s",
                 static_cast<double>(bytes) * 1e9 / static_cast<double>(std::max<int64_t>(1, last_ns - first_ns))},
                {"rejoined_at", rejoined_at},
                {"restarts", line.restarts()},
                {"notices", notices.all()},
                {"ready", 1},
                {"last", last}};
  };
  while (!ended && !stop.requested()) {
    pollfd handle{.fd = line.handle(), .events = POLLIN, .revents = 0};
    poll(&handle, 1, 5);
    while (line.receive(take) != 0) {
    }
    if (received >= options.rejoin_after) {
      options.rejoin_after = UINT64_MAX;
      rejoined_at = received;
      if (const core::Status rejoined = line.rejoin(); !rejoined) return failed(rejoined.error());
    }
    if (!ended) last_ns = core::system_clock().monotonic_ns();
    if (reporter.is_due()) Reporter::print(json(false));
  }
  Reporter::print(json(true));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Datagrams over a PGM line.");
  app.add_option("role", options.role)->required()->check(CLI::IsMember({"send", "receive"}));
  app.add_option("endpoint", options.endpoint)->required();
  app.add_option("--messages", options.messages);
  app.add_option("--bytes", options.bytes);
  app.add_option("--message-bytes", options.message_bytes);
  app.add_option("--batches-per-s", options.batches_per_s);
  app.add_option("--rejoin-after", options.rejoin_after);
  app.add_option("--rate", options.multicast.rate_bit_per_s);
  app.add_option("--recovery-ns", options.multicast.recovery_ns);
  app.add_option("--buffer", options.multicast.buffer_bytes);
  app.add_flag("--cheap", options.cheap);
  app.add_option("--cpu", options.cpu);
  CLI11_PARSE(app, argc, argv);
  const auto endpoint = transport::parse_endpoint(options.endpoint);
  if (!endpoint) return failed(endpoint.error());
  const auto settings = transport::settle(*endpoint, options.multicast);
  if (!settings) return failed(settings.error());
  return options.role == "send" ? send(options, *settings) : receive(options, *settings);
}
