#include "engine/transport/pgm_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/core/clock.h"
#include "engine/transport/pgm_packet.h"
#include "engine/transport/pgm_socket.h"
#include "engine/transport/pgm_stream.h"

namespace tapedeck::transport {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr int kLooksMax = 8;
constexpr int64_t kPoll_ns = 100'000'000;
constexpr int64_t kLingerMax_ns = 2'000'000'000;
constexpr uint64_t kPacketsPerLook = 16;  // sent, before the network is asked whether it wants something
// What comes is looked at no more often than this: waking up for each packet costs more than taking it.
constexpr std::chrono::microseconds kGathering{200};
constexpr int kIpProtocolPgm = 113;
constexpr size_t kPgmHeaders = 20 + 24;  // bytes: IPv4, PGM
constexpr size_t kUdpHeader = 8;

// --- A process that its parent decides about.

pid_t g_parent = 0;

// What its parent's end sends; but also the end of only the thread that has started it.
void on_terminate(int) {
  if (getppid() != g_parent) _exit(0);
}

void depend_on_parent() {
  g_parent = getppid();
  struct sigaction action {};
  action.sa_handler = on_terminate;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(signal, SIG_IGN);
  // Should what the network sends eat all memory, this process is the one to go.
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    static_cast<void>(!write(fd, "1000", 4));
    close(fd);
  }
  const rlimit none{};  // to abort is nothing out of the ordinary here, and a core file delays the start after it
  setrlimit(RLIMIT_CORE, &none);
}

// --- What is better said in our own words.

in_addr address_of(const std::string& text) {
  in_addr address{};
  inet_pton(AF_INET, text.c_str(), &address);
  return address;
}

class Probe {
 public:
  Probe(int type, int protocol) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, protocol)) {}
  ~Probe() {
    if (fd_ >= 0) close(fd_);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

core::Status check_permission(const MulticastSettings& settings) {
  if (settings.scheme != Scheme::kPgm) return {};
  if (Probe(SOCK_RAW, kIpProtocolPgm).fd() >= 0) return {};
  if (errno != EPERM) return core::fail("cannot make a raw socket: {}", std::strerror(errno));
  return core::fail(
      "pgm:// needs the capability cap_net_raw: `setcap cap_net_raw+ep` on the program tapedeck, or use epgm://, which "
      "needs none");
}

core::Status check_interface(const MulticastSettings& settings) {
  const Probe probe(SOCK_DGRAM, 0);
  const ip_mreqn group{
      .imr_multiaddr = address_of(settings.group), .imr_address = address_of(settings.interface), .imr_ifindex = 0};
  if (setsockopt(probe.fd(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0) return {};
  return core::fail("cannot join {} on the interface with the address {}: {}", settings.group, settings.interface,
                    std::strerror(errno));
}

// --- What both do.

core::Result<std::unique_ptr<PgmSocket>> open(PgmRole role, const MulticastSettings& settings) {
  TD_TRY(check_permission(settings));
  TD_TRY(check_interface(settings));
  return PgmSocket::open(role, settings);
}

bool tell(int parent, std::string_view text) { return ::send(parent, text.data(), text.size(), 0) >= 0; }

// On some malformed packets OpenPGM does not abort but runs in circles for ever. Then this ends the process.
class Watchdog {
 public:
  explicit Watchdog(const PgmSocket& socket)
      : socket_(socket), thread_([this](const std::stop_token& stop) { run(stop); }) {}

 private:
  void run(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    uint64_t seen = 0;
    for (int unchanged = 0; unchanged < kLooksMax;) {
      if (stopped.wait_for(lock, stop, kLook, [&stop] { return stop.stop_requested(); })) return;
      const uint64_t calls = socket_.calls();
      const bool is_inside = calls % 2 == 1;
      unchanged = is_inside && calls == seen ? unchanged + 1 : 0;
      seen = calls;
    }
    fmt::print(stderr, "OpenPGM has not come back for {} ms\n", kLooksMax * kLook.count());
    _exit(static_cast<int>(core::ExitCode::kFailed));  // nothing can be closed in good order
  }

  const PgmSocket& socket_;
  std::jthread thread_;
};

// Waits for what the network asks of a socket, or for another handle.
class Waiting {
 public:
  explicit Waiting(const PgmSocket& socket) : handles_(socket.handles()) { handles_.push_back({}); }

  // Whether the network asks, or the time is over.
  bool wait(pollfd other, int64_t timeout_ns) {
    handles_.back() = other;
    const timespec timeout{.tv_sec = timeout_ns / 1'000'000'000, .tv_nsec = timeout_ns % 1'000'000'000};
    const int ready = ppoll(handles_.data(), handles_.size(), &timeout, nullptr);
    return ready == 0 ||
           std::any_of(handles_.begin(), handles_.end() - 1, [](const pollfd& handle) { return handle.revents != 0; });
  }
  [[nodiscard]] bool other_is_ready() const { return handles_.back().revents != 0; }

 private:
  std::vector<pollfd> handles_;
};

// --- Sending.

// No faster than the rate, which counts what is on the wire.
class Pace {
 public:
  explicit Pace(const MulticastSettings& settings)
      : headers_(settings.scheme == Scheme::kPgm ? kPgmHeaders : kPgmHeaders + kUdpHeader),
        ns_per_byte_(8e9 / static_cast<double>(settings.rate_bit_per_s)) {}

  // How long it is until the next packet may go.
  [[nodiscard]] int64_t wait_ns() const { return next_ns_ - now_ns(); }
  void count(size_t packet_bytes) {
    next_ns_ = std::max(next_ns_, now_ns() - kSendBurst_ns) +
               static_cast<int64_t>(static_cast<double>(packet_bytes + headers_) * ns_per_byte_);
  }
  [[nodiscard]] static int64_t now_ns() { return core::system_clock().monotonic_ns(); }

 private:
  size_t headers_;
  double ns_per_byte_;
  int64_t next_ns_ = 0;
};

class Sender {
 public:
  Sender(PgmSocket& socket, const MulticastSettings& settings)
      : socket_(socket),
        waiting_(socket),
        pace_(settings),
        stream_(socket.packet_bytes(), [this](core::Bytes packet) { return send(packet); }) {}

  // Until the parent has closed its end, and all is sent.
  core::Status run(int parent) {
    PgmPacketReader packets;
    while (status_) {
      switch (packets.read(parent, MSG_DONTWAIT)) {
        case PgmPacketReader::Outcome::kMessages:
          packets.for_each([this](core::Bytes message) { static_cast<void>(stream_.add(message)); });
          break;
        case PgmPacketReader::Outcome::kNothing:
          if (stream_.flush()) serve({.fd = parent, .events = POLLIN, .revents = 0}, kPoll_ns);
          break;
        case PgmPacketReader::Outcome::kEnded: static_cast<void>(stream_.flush()); return status_;
      }
    }
    return status_;
  }

  // What was sent last may have to be sent again.
  core::Status linger(int64_t for_ns) {
    const int64_t end_ns = Pace::now_ns() + for_ns;
    for (int64_t left_ns = for_ns; left_ns > 0 && status_; left_ns = end_ns - Pace::now_ns()) {
      serve(kNobody, std::min(left_ns, kPoll_ns));
    }
    return status_;
  }

 private:
  static constexpr pollfd kNobody{.fd = -1, .events = 0, .revents = 0};

  bool send(core::Bytes packet) {
    for (int64_t wait_ns; status_ && (wait_ns = pace_.wait_ns()) > 0;) serve(kNobody, std::min(wait_ns, kPoll_ns));
    if (++sent_ % kPacketsPerLook == 0) serve(kNobody, 0);
    while (status_ && !socket_.send(packet)) serve(socket_.writable(), kPoll_ns);
    pace_.count(packet.size());
    return status_.has_value();
  }

  // Answers the network, until `other` is ready or the time is over.
  void serve(pollfd other, int64_t timeout_ns) {
    if (!waiting_.wait(other, socket_.timeout_ns(timeout_ns))) return;
    const auto worked = socket_.work([](uint64_t, core::Bytes) {});
    if (!worked) status_ = tl::unexpected(worked.error());
  }

  PgmSocket& socket_;
  Waiting waiting_;
  Pace pace_;
  PgmStreamWriter stream_;
  uint64_t sent_ = 0;  // packets
  core::Status status_;
};

core::Status run_sender(const MulticastSettings& settings, int parent) {
  TD_ASSIGN(const std::unique_ptr<PgmSocket> socket, open(PgmRole::kSend, settings));
  const Watchdog watchdog(*socket);
  if (!tell(parent, kPgmReady)) return {};
  Sender sender(*socket, settings);
  TD_TRY(sender.run(parent));
  return sender.linger(std::min(settings.recovery_ns, kLingerMax_ns));
}

// --- Receiving.

// Collects messages to a packet.
class PacketWriter {
 public:
  explicit PacketWriter(int parent) : parent_(parent) { packet_.reserve(kPgmPacketBytes); }

  // False when the parent has gone.
  [[nodiscard]] bool add(core::Bytes message) {
    if (packet_.size() + kPgmLengthBytes + message.size() > kPgmPacketBytes && !flush()) return false;
    core::append_le(packet_, static_cast<uint32_t>(message.size()));
    packet_.insert(packet_.end(), message.begin(), message.end());
    return packet_.size() <= kPgmPacketBytes || flush();
  }

  [[nodiscard]] bool flush() {
    for (core::Bytes rest = packet_; !rest.empty();) {
      const core::Bytes part = rest.first(std::min(rest.size(), kPgmPacketBytes));
      if (::send(parent_, part.data(), part.size(), 0) >= 0) {
        rest = rest.subspan(part.size());
      } else if (errno != EINTR) {
        return false;
      }
    }
    packet_.clear();
    return true;
  }

 private:
  int parent_;
  std::vector<std::byte> packet_;
};

core::Status run_receiver(const MulticastSettings& settings, int parent) {
  TD_ASSIGN(const std::unique_ptr<PgmSocket> socket, open(PgmRole::kReceive, settings));
  const Watchdog watchdog(*socket);
  PacketWriter packets(parent);
  bool has_parent = tell(parent, kPgmReady);
  PgmStreamReader stream([&](core::Bytes message) { has_parent = has_parent && packets.add(message); });
  const auto take = [&stream](uint64_t sender, core::Bytes packet) {
    packet.empty() ? stream.lost(sender) : stream.add(sender, packet);
  };
  Waiting waiting(*socket);
  while (has_parent) {
    bool has_some = false;
    for (bool has_more = true; has_more && has_parent; has_some |= has_more) {
      TD_ASSIGN(has_more, socket->work(take));
    }
    has_parent = has_parent && packets.flush();
    if (has_some) std::this_thread::sleep_for(kGathering);
    waiting.wait({.fd = parent, .events = 0, .revents = 0}, socket->timeout_ns(kPoll_ns));
    has_parent = has_parent && !waiting.other_is_ready();
  }
  return {};
}

}  // namespace

core::Status run_pgm_child(PgmRole role, const MulticastSettings& settings, int socket) {
  depend_on_parent();
  core::Status status = role == PgmRole::kSend ? run_sender(settings, socket) : run_receiver(settings, socket);
  if (!status) static_cast<void>(tell(socket, status.error().message));
  return status;
}

}  // namespace tapedeck::transport
