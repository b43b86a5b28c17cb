// A relay in a cable, that loses packets on purpose: `relay FROM TO [--loss FRACTION] [--seed N] [--drop
// FIRST[-LAST]]...` passes every Ethernet frame between two network interfaces, both ways, but for some of the
// multicast data (UDP and PGM) that come in at FROM: a fraction of them, picked by a generator that the seed starts,
// and those with these numbers, the first being 1. Prints "ready" when it runs, and when it is told to end, as JSON,
// how many of those frames it passed and dropped, and how many frames of any kind it was too slow for (`overrun`).
// Needs CAP_NET_RAW.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr int kProtocolPgm = 113;
constexpr size_t kBatch = 64;
constexpr size_t kFrameBytes = 65536 + ETH_HLEN;
constexpr int kBufferBytes = 64 << 20;

void check(bool done, const std::string& what) {
  if (done) return;
  std::perror(("relay: " + what).c_str());
  std::exit(1);
}

template <class T>
void set(int socket, int level, int option, const T& value, const std::string& what) {
  check(setsockopt(socket, level, option, &value, sizeof value) == 0, what);
}

// One end of the cable.
class Port {
 public:
  explicit Port(const std::string& name) : handle_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0)) {
    check(handle_ >= 0, "no raw socket");
    const unsigned index = if_nametoindex(name.c_str());
    check(index != 0, name);
    set(handle_, SOL_SOCKET, SO_RCVBUFFORCE, kBufferBytes, "SO_RCVBUFFORCE");
    set(handle_, SOL_SOCKET, SO_SNDBUFFORCE, kBufferBytes, "SO_SNDBUFFORCE");
    set(handle_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
    set(handle_, SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
    packet_mreq all{};
    all.mr_ifindex = static_cast<int>(index);
    all.mr_type = PACKET_MR_PROMISC;
    set(handle_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, all, "PACKET_ADD_MEMBERSHIP");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    check(bind(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind to " + name);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() { close(handle_); }

  [[nodiscard]] int handle() const { return handle_; }

  // Frames that came and were not read in time, so far.
  [[nodiscard]] uint64_t overrun() const {
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    check(getsockopt(handle_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0, "PACKET_STATISTICS");
    return stats.tp_drops;
  }

 private:
  int handle_;
};

class Frames {
 public:
  Frames() : memory_(kBatch * kFrameBytes) {
    for (size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {memory_.data() + i * kFrameBytes, kFrameBytes};
      headers_[i].msg_hdr.msg_iov = &parts_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // How many have come.
  size_t receive(const Port& port) {
    for (iovec& part : parts_) part.iov_len = kFrameBytes;
    const int count = recvmmsg(port.handle(), headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
    return count < 0 ? 0 : static_cast<size_t>(count);  // an interface that is down is an error until it is up again
  }

  [[nodiscard]] std::span<const std::byte> frame(size_t i) const {
    return {static_cast<const std::byte*>(parts_[i].iov_base), headers_[i].msg_len};
  }

  // Sends this frame with the others to pass on; in order of i.
  void pass(size_t i) {
    parts_[i].iov_len = headers_[i].msg_len;
    passing_[passes_] = headers_[i];
    ++passes_;
  }

  void send(const Port& port) {
    size_t sent = 0;
    while (sent < passes_) {
      const int count = sendmmsg(port.handle(), passing_.data() + sent, static_cast<unsigned>(passes_ - sent), 0);
      if (count > 0) {
        sent += static_cast<size_t>(count);
      } else if (errno == EAGAIN || errno == ENOBUFS) {
        pollfd ready{port.handle(), POLLOUT, 0};
        poll(&ready, 1, 1);
      } else {
        ++sent;  // a cable that is down loses what it is given
      }
    }
    passes_ = 0;
  }

 private:
  std::vector<std::byte> memory_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> headers_{};
  std::array<mmsghdr, kBatch> passing_{};
  size_t passes_ = 0;
};

bool is_multicast_data(std::span<const std::byte> frame) {
  if (frame.size() < ETH_HLEN + sizeof(iphdr)) return false;
  const auto byte = [&](size_t at) { return std::to_integer<unsigned>(frame[at]); };
  const bool ipv4 = byte(12) == 0x08 && byte(13) == 0x00;
  const unsigned protocol = byte(ETH_HLEN + 9);
  const bool multicast = (byte(ETH_HLEN + 16) & 0xf0U) == 0xe0;
  return ipv4 && multicast && (protocol == IPPROTO_UDP || protocol == kProtocolPgm);
}

struct Range {
  uint64_t first;
  uint64_t last;
};

class Dropper {
 public:
  Dropper(double loss, uint64_t seed, std::vector<Range> numbers)
      : loss_(loss), random_(seed), numbers_(std::move(numbers)) {}

  bool drops(std::span<const std::byte> frame) {
    if (!is_multicast_data(frame)) return false;
    const uint64_t number = passed_ + dropped_ + 1;
    bool drop = chance_(random_) < loss_;  // asked for every frame, so that numbers do not change whom it picks
    for (const Range& range : numbers_) drop |= number >= range.first && number <= range.last;
    ++(drop ? dropped_ : passed_);
    return drop;
  }

  [[nodiscard]] uint64_t passed() const { return passed_; }
  [[nodiscard]] uint64_t dropped() const { return dropped_; }

 private:
  double loss_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> chance_{0, 1};
  std::vector<Range> numbers_;
  uint64_t passed_ = 0;
  uint64_t dropped_ = 0;
};

template <class Drops>
void carry(Frames& frames, const Port& from, const Port& to, Drops&& drops) {
  const size_t count = frames.receive(from);
  for (size_t i = 0; i < count; ++i) {
    if (!drops(frames.frame(i))) frames.pass(i);
  }
  frames.send(to);
}

int wait_for_end() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, 0);
}

Range parse_range(const std::string& text) {
  const size_t dash = text.find('-');
  const uint64_t first = std::stoull(text);
  return {first, dash == std::string::npos ? first : std::stoull(text.substr(dash + 1))};
}

}  // namespace

int main(int argc, char** argv) {
  std::array<std::string, 2> names;
  double loss = 0;
  uint64_t seed = 1;
  std::vector<std::string> drop;
  CLI::App app("Passes frames between two network interfaces and loses some.");
  app.add_option("from", names[0])->required();
  app.add_option("to", names[1])->required();
  app.add_option("--loss", loss)->check(CLI::Range(0.0, 1.0));
  app.add_option("--seed", seed);
  app.add_option("--drop", drop)->take_all();
  CLI11_PARSE(app, argc, argv);
  std::vector<Range> numbers;
  for (const std::string& text : drop) numbers.push_back(parse_range(text));

  const int end = wait_for_end();
  const Port from(names[0]);
  const Port to(names[1]);
  Frames frames;
  Dropper dropper(loss, seed, std::move(numbers));
  std::puts("ready");
  std::fflush(stdout);
  std::array<pollfd, 3> ready{{{from.handle(), POLLIN, 0}, {to.handle(), POLLIN, 0}, {end, POLLIN, 0}}};
  while (ready[2].revents == 0) {
    poll(ready.data(), ready.size(), -1);
    carry(frames, from, to, [&](std::span<const std::byte> frame) { return dropper.drops(frame); });
    carry(frames, to, from, [](std::span<const std::byte>) { return false; });
  }
  std::printf("{\"passed\": %llu, \"dropped\": %llu, \"overrun\": %llu}\n",
              static_cast<unsigned long long>(dropper.passed()), static_cast<unsigned long long>(dropper.dropped()),
              static_cast<unsigned long long>(from.overrun() + to.overrun()));
  return 0;
}
