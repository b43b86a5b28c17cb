#include "engine/transport/pgm_line.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "engine/core/parse.h"
#include "engine/transport/receive_buffer.h"
#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kPartsMax = 1024;                // that the system takes at once (IOV_MAX)
constexpr uint64_t kReceiveWindowMax = 8u << 20;  // bytes
constexpr uint64_t kUnderWayMax = 2u << 20;       // bytes in the child and in the socket to it, about
constexpr int64_t kFinishMin_ns = 5'000'000'000;
constexpr int64_t kFinishMax_ns = 60'000'000'000;
constexpr int kPoll_ms = static_cast<int>(kPollInterval.count());

// The child gets what this process would get.
void tell_of_small_buffer_of_child(const MulticastSettings& settings, core::Notices& notices) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  tell_of_small_buffer(settings, set_receive_buffer(socket, settings.buffer_bytes), notices);
  close(socket);
}

int finish_ms(const MulticastSettings& settings) {
  const double seconds = static_cast<double>(kUnderWayMax) * 8 / static_cast<double>(settings.rate_bit_per_s);
  const auto sending_ns = static_cast<int64_t>(std::min(seconds, 60.0) * 1e9);
  return static_cast<int>(std::clamp(2 * sending_ns + kFinishMin_ns, kFinishMin_ns, kFinishMax_ns) / 1'000'000);
}

}  // namespace

PgmSender::PgmSender(const MulticastSettings& settings, core::Notices& notices)
    : settings_(settings), notices_(notices), child_(PgmRole::kSend, settings, notices) {
  lengths_.reserve(kPartsMax / 2);  // parts_ points into it
  parts_.reserve(kPartsMax);
}

PgmSender::~PgmSender() {
  if (!child_.runs(0)) return;
  const bool in_time = child_.process()->finish(finish_ms(settings_));
  const std::string how = child_.process()->end();
  if (in_time && how == kEndedWell) return;
  notices_.add({fmt::format("{} ended before it had sent everything ({})", child_.name(), in_time ? how : "too slow")});
}

size_t PgmSender::datagrams_at_once() const {
  return std::clamp<size_t>(kPgmPacketBytes / (settings_.datagram_bytes + kPgmLengthBytes), 1, kPartsMax / 2);
}

bool PgmSender::send(const DatagramBatch& batch, const core::StopFlag& stop) {
  for (size_t i = 0; i < batch.count(); ++i) {
    const core::Bytes datagram = batch.datagram(i);
    const bool fits =
        packet_bytes_ + kPgmLengthBytes + datagram.size() <= kPgmPacketBytes && lengths_.size() < kPartsMax / 2;
    if (!fits && !flush(stop)) return false;
    add(datagram);
  }
  return flush(stop);
}

bool PgmSender::send_message(core::Bytes message, const core::StopFlag& stop) {
  if (message.size() + kPgmLengthBytes <= kPgmPacketBytes) {
    add(message);
    return flush(stop);
  }
  Outcome outcome = Outcome::kEnded;
  while (outcome == Outcome::kEnded) outcome = write_large(message, stop);
  return outcome == Outcome::kTaken;
}

void PgmSender::add(core::Bytes message) {
  core::store_le(lengths_.emplace_back().data(), static_cast<uint32_t>(message.size()));
  parts_.push_back({lengths_.back().data(), kPgmLengthBytes});
  parts_.push_back({const_cast<std::byte*>(message.data()), message.size()});
  packet_bytes_ += kPgmLengthBytes + message.size();
}

// A packet that a child did not take goes to the next one.
bool PgmSender::flush(const core::StopFlag& stop) {
  msghdr packet{};
  packet.msg_iov = parts_.data();
  packet.msg_iovlen = parts_.size();
  Outcome outcome = packet_bytes_ == 0 ? Outcome::kTaken : Outcome::kEnded;
  while (outcome == Outcome::kEnded) outcome = write(packet, stop);
  lengths_.clear();
  parts_.clear();
  packet_bytes_ = 0;
  return outcome == Outcome::kTaken;
}

// A child that ends in the middle of it has not passed it on, so that it begins anew.
PgmSender::Outcome PgmSender::write_large(core::Bytes message, const core::StopFlag& stop) {
  std::array<std::byte, kPgmLengthBytes> length;
  core::store_le(length.data(), static_cast<uint32_t>(message.size()));
  iovec parts[] = {{length.data(), length.size()}, {}};
  msghdr packet{};
  packet.msg_iov = parts;
  packet.msg_iovlen = 2;
  while (!message.empty()) {
    const core::Bytes part = message.first(std::min(message.size(), kPgmPacketBytes - kPgmLengthBytes));
    parts[1] = {const_cast<std::byte*>(part.data()), part.size()};
    if (const Outcome outcome = write(packet, stop); outcome != Outcome::kTaken) return outcome;
    message = message.subspan(part.size());
    parts[0].iov_len = 0;
  }
  return Outcome::kTaken;
}

PgmSender::Outcome PgmSender::write(msghdr& packet, const core::StopFlag& stop) {
  while (!stop.requested()) {
    if (!child_.runs(kPoll_ms)) continue;
    if (sendmsg(child_.socket(), &packet, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Outcome::kTaken;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) {
      pollfd handle{.fd = child_.socket(), .events = POLLOUT, .revents = 0};
      poll(&handle, 1, kPoll_ms);
      continue;
    }
    child_.ended();
    return Outcome::kEnded;
  }
  return Outcome::kStopped;
}

size_t PgmReceiver::receive(const std::function<void(core::Bytes)>& take) {
  if (!child_.runs(0)) return 0;
  switch (reader_.read(child_.socket(), MSG_DONTWAIT)) {
    case PgmPacketReader::Outcome::kNothing: return 0;
    case PgmPacketReader::Outcome::kEnded:
      reader_.clear();
      child_.ended();
      return 0;
    case PgmPacketReader::Outcome::kMessages: break;
  }
  size_t count = 0;
  reader_.for_each([&](core::Bytes message) {
    ++count;
    take(message);
  });
  return count;
}

core::Status PgmReceiver::rejoin() {
  reader_.clear();
  return child_.replace();
}

size_t PgmReceiver::window_bytes() const { return std::min(settings_.window_bytes / 2, kReceiveWindowMax); }

core::Result<std::unique_ptr<PgmSender>> make_pgm_sender(const MulticastSettings& settings, core::Notices& notices) {
  auto sender = std::make_unique<PgmSender>(settings, notices);
  TD_TRY(sender->start());
  return sender;
}

core::Result<std::unique_ptr<PgmReceiver>> make_pgm_receiver(const MulticastSettings& settings,
                                                             core::Notices& notices) {
  auto receiver = std::make_unique<PgmReceiver>(settings, notices);
  TD_TRY(receiver->start());
  tell_of_small_buffer_of_child(settings, notices);
  return receiver;
}

}  // namespace tapedeck::transport
