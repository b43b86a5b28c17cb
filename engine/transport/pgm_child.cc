#include "engine/transport/pgm_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <zmq.hpp>

#include "engine/core/clock.h"
#include "engine/core/parse.h"
#include "engine/transport/pgm_packet.h"
#include "engine/transport/receive_buffer.h"
#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kBatches = 8;                // under way to the network
constexpr int kReceivedWaiting = 8192;        // messages
constexpr uint64_t kRateMax = 2'147'000;      // kbit/s: libzmq computes bits per second in an int
constexpr int64_t kSendBurst_ns = 1'000'000;  // of the rate: what a sender that was late may send at once
constexpr std::chrono::milliseconds kThreadPoll{100};
constexpr int kUnansweredMax = 8;
constexpr int64_t kLingerMax_ns = 2'000'000'000;
constexpr int kIpProtocolPgm = 113;
constexpr int kHandlesMax = 64;  // more than this process has
constexpr int64_t kOpenPoll_ns = 1'000'000;
constexpr int kOpenPolls = 1000;
// OpenPGM leaves so many bytes of each packet free for options of fragments, of which libzmq makes none.
constexpr unsigned kReservedForFragments = 20;
constexpr unsigned kTpduMax = 65'535;
constexpr unsigned kPacketHeaders = 64;  // bytes of a packet that are not a message's

const core::StopFlag kNeverStops;

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

// --- What libzmq would abort on.

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

// --- The socket.

// Our rate is kept by Pace. Left to itself, libzmq reaches 0.90 to 0.95 of what it is told: its bucket holds a
// millisecond and is filled again by a timer of as much; and what is sent again comes out of it, too. So it is told
// more, and only keeps bursts and repairs within bounds.
int zmq_rate_of(const MulticastSettings& settings) {
  return static_cast<int>(std::clamp<uint64_t>(settings.rate_bit_per_s / 1000 * 5 / 4, 1, kRateMax));
}

// The window that libzmq keeps is rate times interval, by ITS rate.
int recovery_ms_of(const MulticastSettings& settings) {
  return static_cast<int>(
      std::clamp<uint64_t>(settings.window_bytes * 8 / static_cast<uint64_t>(zmq_rate_of(settings)), 1, 1'000'000));
}

void set_options(zmq::socket_t& socket, const MulticastSettings& settings) {
  socket.set(zmq::sockopt::rate, zmq_rate_of(settings));
  socket.set(zmq::sockopt::recovery_ivl, recovery_ms_of(settings));
  socket.set(zmq::sockopt::multicast_hops, static_cast<int>(settings.hops));
  socket.set(zmq::sockopt::multicast_maxtpdu,
             static_cast<int>(std::min(settings.mtu_bytes + kReservedForFragments, kTpduMax)));
  socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(kPgmMessageMax));
  socket.set(zmq::sockopt::linger, 0);
}

core::Status open(zmq::socket_t& socket, const MulticastSettings& settings) {
  TD_TRY(check_permission(settings));
  TD_TRY(check_interface(settings));
  set_options(socket, settings);
  return connect(socket, fmt::format("{}://{};{}:{}", settings.scheme == Scheme::kPgm ? "pgm" : "epgm",
                                     settings.interface, settings.group, settings.port));
}

bool tell(int parent, std::string_view text) { return ::send(parent, text.data(), text.size(), 0) >= 0; }

// The sockets that OpenPGM opens, in libzmq's thread. Where its buffer overflows, a receiver is soon deaf: it is as
// large as permissions allow, while libzmq would only ask for what anybody gets.
bool enlarge_buffers(const MulticastSettings& settings) {
  bool any = false;
  for (int fd = 0; fd < kHandlesMax; ++fd) {
    int protocol = 0;
    socklen_t size = sizeof protocol;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0) continue;
    if (protocol != (settings.scheme == Scheme::kPgm ? kIpProtocolPgm : IPPROTO_UDP)) continue;
    static_cast<void>(set_receive_buffer(fd, settings.buffer_bytes));
    any = true;
  }
  return any;
}

void wait_until_open(const MulticastSettings& settings) {
  const core::Clock& clock = core::system_clock();
  for (int i = 0; i < kOpenPolls && !enlarge_buffers(settings); ++i) {
    clock.sleep_until(clock.monotonic_ns() + kOpenPoll_ns, kNeverStops);
  }
}

// On some malformed packets OpenPGM does not abort but runs in circles for ever, in libzmq's thread. A connection of
// our own through the same thread shows it: what is sent on it no longer arrives.
class NetworkThread {
 public:
  explicit NetworkThread(zmq::context_t& context)
      : asking_(context, zmq::socket_type::pair), answering_(context, zmq::socket_type::pair) {
    const std::string endpoint =
        fmt::format("ipc://@tapedeck-pgm-line-{}-{}", getpid(), core::system_clock().monotonic_ns());
    answering_.set(zmq::sockopt::linger, 0);
    asking_.set(zmq::sockopt::linger, 0);
    answering_.bind(endpoint);
    asking_.connect(endpoint);
  }

  // Called every kThreadPoll at most; ends the process when there was no answer for so many times.
  void look() {
    zmq::message_t message;
    const bool answered = unanswered_ == 0 || receive(answering_, message, zmq::recv_flags::dontwait);
    unanswered_ = answered ? 1 : unanswered_ + 1;
    if (answered) static_cast<void>(send(asking_, message));
    if (unanswered_ <= kUnansweredMax) return;
    fmt::print(stderr, "OpenPGM has not come back for {} ms\n", kUnansweredMax * kThreadPoll.count());
    _exit(static_cast<int>(core::ExitCode::kFailed));  // nothing can be closed in good order
  }

 private:
  zmq::socket_t asking_;
  zmq::socket_t answering_;
  int unanswered_ = 0;
};

// --- Sending.

// No faster than the rate, which counts what is on the wire.
class Pace {
 public:
  explicit Pace(const MulticastSettings& settings)
      : ns_per_byte_(8e9 / static_cast<double>(settings.rate_bit_per_s) * settings.mtu_bytes /
                     (settings.mtu_bytes - kPacketHeaders)) {}

  void wait_for_turn(size_t bytes) {
    const core::Clock& clock = core::system_clock();
    const int64_t now_ns = clock.monotonic_ns();
    next_ns_ = std::max(next_ns_, now_ns - kSendBurst_ns);
    if (next_ns_ > now_ns) clock.sleep_until(next_ns_, kNeverStops);
    next_ns_ += static_cast<int64_t>(static_cast<double>(bytes) * ns_per_byte_);
  }

 private:
  double ns_per_byte_;
  int64_t next_ns_ = 0;
};

// Messages under way: ZeroMQ sends them from where they were read to, and says when it has (from its own thread). There
// is no high-water mark, at which a socket might drop: what bounds them is that a batch is read into when it is free.
class Batch {
 public:
  PgmPacketReader packets;

  void begin(size_t messages) {
    const std::lock_guard lock(mutex_);
    unsent_ = messages;
  }
  static void message_sent(void*, void* batch) { static_cast<Batch*>(batch)->message_sent(); }
  // Until the batch may be read into.
  void wait_until_sent(NetworkThread& thread) {
    std::unique_lock lock(mutex_);
    while (!sent_.wait_for(lock, kThreadPoll, [this] { return unsent_ == 0; })) thread.look();
  }

 private:
  void message_sent() {
    const std::lock_guard lock(mutex_);
    if (--unsent_ == 0) sent_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable sent_;
  size_t unsent_ = 0;  // guarded by mutex_
};

void send_all(zmq::socket_t& socket, Batch& batch, Pace& pace) {
  size_t count = 0;
  size_t bytes = 0;
  batch.packets.for_each([&](core::Bytes message) {
    ++count;
    bytes += message.size();
  });
  batch.begin(count);
  pace.wait_for_turn(bytes);
  batch.packets.for_each([&](core::Bytes bytes_of_it) {
    zmq::message_t message(const_cast<std::byte*>(bytes_of_it.data()), bytes_of_it.size(), Batch::message_sent, &batch);
    while (!send(socket, message)) {
    }
  });
}

// What was sent last may have to be sent again.
void linger(std::array<Batch, kBatches>& batches, NetworkThread& thread, const MulticastSettings& settings) {
  for (Batch& batch : batches) batch.wait_until_sent(thread);
  const core::Clock& clock = core::system_clock();
  clock.sleep_until(clock.monotonic_ns() + std::min(settings.recovery_ns, kLingerMax_ns), kNeverStops);
}

core::Status run_sender(const MulticastSettings& settings, int parent) {
  std::array<Batch, kBatches> batches;  // outlives the context, whose thread tells it what was sent
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::xpub_nodrop, true);
  TD_TRY(open(socket, settings));
  NetworkThread thread(context);
  wait_until_open(settings);
  if (!tell(parent, kPgmReady)) return {};
  Pace pace(settings);
  for (size_t i = 0;; i = (i + 1) % kBatches) {
    batches[i].wait_until_sent(thread);
    PgmPacketReader::Outcome outcome;
    while ((outcome = batches[i].packets.read(parent, 0)) == PgmPacketReader::Outcome::kNothing) {
    }
    if (outcome == PgmPacketReader::Outcome::kEnded) break;
    send_all(socket, batches[i], pace);
  }
  linger(batches, thread, settings);
  return {};
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
    core::append_bytes(packet_, message);
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
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::rcvhwm, kReceivedWaiting);
  socket.set(zmq::sockopt::subscribe, "");
  TD_TRY(open(socket, settings));
  NetworkThread thread(context);
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(kThreadPoll.count()));
  wait_until_open(settings);
  PacketWriter packets(parent);
  bool has_parent = tell(parent, kPgmReady);
  zmq::message_t message;
  while (has_parent) {
    if (!receive(socket, message)) {
      thread.look();
      continue;
    }
    do {
      has_parent = packets.add(bytes_of(message));
    } while (has_parent && receive(socket, message, zmq::recv_flags::dontwait));
    has_parent = has_parent && packets.flush();
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
