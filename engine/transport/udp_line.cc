#include "engine/transport/udp_line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/core/parse.h"
#include "engine/transport/receive_buffer.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kJoinedMax = 65'536;  // bytes of what the kernel joins
constexpr size_t kReceivedAtOnce = 16;
constexpr int64_t kRetry_ns = 20'000'000;
constexpr int64_t kNoticeInterval_ns = 60'000'000'000;  // of the same trouble, that may come and go
constexpr uint64_t kWindowMin = 128u << 10;
// The kernel counts its own bytes too, of which we have twice what was asked for; small datagrams cost several times
// theirs.
constexpr uint64_t kBufferPerWindow = 4;

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  template <class T>
  [[nodiscard]] bool set(int level, int name, const T& value) const {
    return setsockopt(fd_, level, name, &value, sizeof value) == 0;
  }

 private:
  int fd_;
};

tl::unexpected<core::Error> failed(const MulticastSettings& settings, std::string_view what) {
  return core::fail("cannot {} {}:{} on {}: {}", what, settings.group, settings.port, settings.nic,
                    std::strerror(errno));
}

sockaddr_in address_of(const MulticastSettings& settings) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(core::parse_count(settings.port).value_or(0)));
  inet_pton(AF_INET, settings.group.c_str(), &address.sin_addr);
  return address;
}

in_addr interface_of(const MulticastSettings& settings) {
  in_addr interface {};
  inet_pton(AF_INET, settings.interface.c_str(), &interface);
  return interface;
}

class UdpSender final : public LineSender {
 public:
  UdpSender(Socket socket, const MulticastSettings& settings, core::Notices& notices, const core::Clock& clock)
      : socket_(std::move(socket)), settings_(settings), notices_(notices), clock_(clock) {}

  [[nodiscard]] size_t datagram_bytes() const override { return settings_.datagram_bytes; }
  [[nodiscard]] size_t datagrams_at_once() const override {
    return std::clamp<size_t>(kSegmentedMax / settings_.datagram_bytes, 1, kSegmentsMax);
  }

  [[nodiscard]] bool send(const DatagramBatch& batch, const core::StopFlag& stop) override {
    if (!wait_for_turn(batch.slots().size() + batch.count() * kUdpHeaders, stop)) return false;
    size_t sent = 0;
    while (sent < batch.count()) {
      const ssize_t result = is_segmented_ ? send_all(batch) : send_one(batch, sent);
      if (result >= 0) {
        sent = is_segmented_ ? batch.count() : sent + 1;
      } else if (!get_over(errno, stop)) {
        return false;
      }
    }
    return true;
  }

 private:
  static constexpr size_t kSegmentedMax = 65'507;  // bytes
  static constexpr size_t kSegmentsMax = 64;

  // No faster than the rate.
  bool wait_for_turn(size_t bytes, const core::StopFlag& stop) {
    const int64_t now_ns = clock_.monotonic_ns();
    next_ns_ = std::max(next_ns_, now_ns - kSendBurst_ns);
    if (next_ns_ > now_ns && !clock_.sleep_until(next_ns_, stop)) return false;
    next_ns_ += static_cast<int64_t>(static_cast<double>(bytes) * 8e9 / static_cast<double>(settings_.rate_bit_per_s));
    return true;
  }

  // All at once: the kernel cuts it into slots.
  ssize_t send_all(const DatagramBatch& batch) {
    const core::Bytes bytes =
        batch.slots().first(batch.slots().size() - batch.slot_bytes() + batch.datagram(batch.count() - 1).size());
    iovec io{const_cast<std::byte*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto slot = static_cast<uint16_t>(batch.slot_bytes());
    std::memcpy(CMSG_DATA(header), &slot, sizeof slot);
    return sendmsg(socket_.get(), &message, 0);
  }

  ssize_t send_one(const DatagramBatch& batch, size_t i) {
    const core::Bytes datagram = batch.datagram(i);
    return ::send(socket_.get(), datagram.data(), datagram.size(), 0);
  }

  // What to do after an error: go on without segmentation where it is not to be had; otherwise wait until the interface
  // is there again, for nothing is to be lost. False if stopped.
  bool get_over(int error, const core::StopFlag& stop) {
    if (error == EINTR) return !stop.requested();
    if (is_segmented_ && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
      is_segmented_ = false;
      return true;
    }
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns >= next_notice_ns_ && error != ENOBUFS && error != EAGAIN) {
      next_notice_ns_ = now_ns + kNoticeInterval_ns;
      notices_.add({fmt::format("cannot send to {}:{} on {} for now: {}", settings_.group, settings_.port,
                                settings_.nic, std::strerror(error))});
    }
    return clock_.sleep_until(now_ns + kRetry_ns, stop);
  }

  Socket socket_;
  const MulticastSettings settings_;
  core::Notices& notices_;
  const core::Clock& clock_;
  int64_t next_ns_ = 0;  // monotonic
  bool is_segmented_ = true;
  int64_t next_notice_ns_ = 0;  // monotonic; of trouble
};

class UdpReceiver final : public LineReceiver {
 public:
  explicit UdpReceiver(const MulticastSettings& settings)
      : settings_(settings), memory_(kReceivedAtOnce * kJoinedMax) {}

  [[nodiscard]] int handle() const override { return socket_.get(); }
  [[nodiscard]] size_t window_bytes() const override { return std::max(buffer_bytes_ / kBufferPerWindow, kWindowMin); }
  [[nodiscard]] uint64_t buffer_bytes() const { return buffer_bytes_; }

  core::Status rejoin() override {
    Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return failed(settings_, "make a socket for");
    const sockaddr_in address = address_of(settings_);
    static_cast<void>(socket.set(SOL_SOCKET, SO_REUSEADDR, 1));
    // Only what was asked for on this interface: by default a socket hears what any other socket has joined.
    static_cast<void>(socket.set(IPPROTO_IP, IP_MULTICAST_ALL, 0));
    static_cast<void>(socket.set(SOL_UDP, UDP_GRO, 1));
    buffer_bytes_ = set_receive_buffer(socket.get(), settings_.buffer_bytes);
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return failed(settings_, "listen to");
    }
    const ip_mreqn group{.imr_multiaddr = address.sin_addr, .imr_address = interface_of(settings_), .imr_ifindex = 0};
    if (!socket.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, group)) return failed(settings_, "join");
    socket_ = std::move(socket);
    return {};
  }

  size_t receive(const std::function<void(core::Bytes)>& take) override {
    mmsghdr messages[kReceivedAtOnce] = {};
    iovec io[kReceivedAtOnce];
    alignas(cmsghdr) char control[kReceivedAtOnce][CMSG_SPACE(sizeof(int))];
    for (size_t i = 0; i < kReceivedAtOnce; ++i) {
      io[i] = {memory_.data() + i * kJoinedMax, kJoinedMax};
      messages[i].msg_hdr.msg_iov = &io[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i];
      messages[i].msg_hdr.msg_controllen = sizeof control[i];
    }
    const int count = recvmmsg(socket_.get(), messages, kReceivedAtOnce, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < count; ++i) {
      core::Bytes bytes(memory_.data() + static_cast<size_t>(i) * kJoinedMax, messages[i].msg_len);
      const size_t segment = segment_of(messages[i].msg_hdr, bytes.size());
      for (; !bytes.empty(); bytes = bytes.subspan(std::min(segment, bytes.size()))) {
        take(bytes.first(std::min(segment, bytes.size())));
      }
    }
    return count > 0 ? static_cast<size_t>(count) : 0;
  }

 private:
  // Of how many bytes each datagram is, in what the kernel has joined.
  static size_t segment_of(msghdr& message, size_t size) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO) continue;
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(header), sizeof segment);
      if (segment > 0) return static_cast<size_t>(segment);
    }
    return std::max<size_t>(size, 1);
  }

  const MulticastSettings settings_;
  std::vector<std::byte> memory_;
  Socket socket_;
  uint64_t buffer_bytes_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<LineSender>> make_udp_sender(const MulticastSettings& settings, core::Notices& notices,
                                                          const core::Clock& clock) {
  Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return failed(settings, "make a socket for");
  const ip_mreqn interface { .imr_multiaddr = {}, .imr_address = interface_of(settings), .imr_ifindex = 0 };
  if (!socket.set(IPPROTO_IP, IP_MULTICAST_IF, interface) ||
      !socket.set(IPPROTO_IP, IP_MULTICAST_TTL, static_cast<int>(settings.hops))) {
    return failed(settings, "send to");
  }
  const sockaddr_in address = address_of(settings);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed(settings, "send to");
  }
  return std::make_unique<UdpSender>(std::move(socket), settings, notices, clock);
}

core::Result<std::unique_ptr<LineReceiver>> make_udp_receiver(const MulticastSettings& settings,
                                                              core::Notices& notices) {
  auto receiver = std::make_unique<UdpReceiver>(settings);
  TD_TRY(receiver->rejoin());
  tell_of_small_buffer(settings, receiver->buffer_bytes(), notices);
  return receiver;
}

}  // namespace tapedeck::transport
