#include "tests/engine/clone/light_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "engine/clone/table.h"
#include "engine/core/status.h"
#include "tests/engine/clone/messages.h"

namespace tapedeck::clone {
namespace {

using namespace std::string_literals;

constexpr size_t kGreetingBytes = 64;
constexpr uint8_t kMore = 1;
constexpr uint8_t kLong = 2;
constexpr uint8_t kCommand = 4;

std::string greeting() {
  std::string bytes = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL"s;
  bytes.resize(kGreetingBytes, '\0');
  return bytes;
}

std::string ready(std::string_view socket_type) {
  const std::string body =
      "\5READY\13Socket-Type\0\0\0"s + static_cast<char>(socket_type.size()) + std::string(socket_type);
  return static_cast<char>(kCommand) + std::string(1, static_cast<char>(body.size())) + body;
}

}  // namespace

std::string zmtp_frame(std::string_view body, bool more) {
  std::string frame;
  frame += static_cast<char>(more ? kMore : 0);
  frame += static_cast<char>(body.size());  // short ones only
  return frame.append(body);
}

void ZmtpConnection::open(int port, std::string_view socket_type, std::string opening) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TD_CHECK(fd_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fcntl(fd_, F_SETFL, O_NONBLOCK);
  static_cast<void>(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  type_ = socket_type;
  opening_ = std::move(opening);
}

void ZmtpConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  has_greeted_ = greeted_ = false;
  rest_.clear();
  frames_.clear();
}

// A few bytes to an empty buffer: they always fit.
void ZmtpConnection::write(std::string_view bytes) const {
  static_cast<void>(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

// Without waiting for the peer's: where its queue of connections was full it has forgotten us, and only bytes from us
// tell it.
bool ZmtpConnection::greet() {
  has_greeted_ = send(fd_, greeting().data(), kGreetingBytes, MSG_NOSIGNAL) > 0;
  return has_greeted_ || errno == EAGAIN;
}

bool ZmtpConnection::progress(const OnMessage& on_message) {
  if (!has_greeted_ && !greet()) return false;
  static std::vector<char> buffer(256 * 1024);
  const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  rest_.append(buffer.data(), static_cast<size_t>(got));
  if (!greeted_) {
    if (rest_.size() < kGreetingBytes) return true;
    greeted_ = true;
    rest_.erase(0, kGreetingBytes);
    write(ready(type_) + opening_);
  }
  const std::string bytes = std::exchange(rest_, {});
  const size_t parsed = parse(core::as_bytes(bytes), on_message);
  if (fd_ >= 0) rest_ = bytes.substr(parsed);
  return true;
}

size_t ZmtpConnection::parse(core::Bytes bytes, const OnMessage& on_message) {
  size_t at = 0;
  while (fd_ >= 0) {
    const core::Bytes left = bytes.subspan(at);
    if (left.size() < 2) break;
    const auto flags = static_cast<uint8_t>(left[0]);
    const size_t head = flags & kLong ? 9 : 2;
    if (left.size() < head) break;
    const size_t size = flags & kLong ? core::load_be<uint64_t>(left.data() + 1) : static_cast<size_t>(left[1]);
    if (left.size() < head + size) break;
    at += head + size;
    if (flags & kCommand) continue;
    frames_.emplace_back(core::as_text(left.subspan(head, size)));
    if (flags & kMore) continue;
    const std::vector<std::string> frames = std::exchange(frames_, {});
    const std::vector<core::Bytes> views = [&] {
      std::vector<core::Bytes> each;
      for (const std::string& frame : frames) each.push_back(core::as_bytes(frame));
      return each;
    }();
    on_message(views);
  }
  return at;
}

void LightClient::open(int port) {
  port_ = port;
  sub_.open(port + 1, "SUB", zmtp_frame("\1", false) + zmtp_frame("\1HUGZ", false));
}

void LightClient::close() {
  sub_.close();
  dealer_.close();
  held_.clear();
  parts_.clear();
  digest_ = sequence_ = published_ = 0;
  synced_ = failed_ = false;
}

void LightClient::put(std::string_view key, std::string_view value) {
  const uint32_t number = keys_.try_emplace(std::string(key), static_cast<uint32_t>(keys_.size())).first->second;
  if (number >= parts_.size()) parts_.resize(number + 1);
  digest_ -= parts_[number];
  parts_[number] = value.empty() ? 0 : digest_of(key, value);
  digest_ += parts_[number];
}

void LightClient::progress(int fd, const std::function<void(const Message&)>& on_update) {
  Message message;
  if (fd == sub_.fd()) {
    const bool alive = sub_.progress([&](std::span<const core::Bytes> frames) {
      if (decode(frames, message) != Fault::kNone) failed_ = true;
      ++published_;
      if (!synced_ && dealer_.fd() < 0) {
        dealer_.open(port_, "DEALER", zmtp_frame(kRequest, true) + zmtp_frame("", false));
      }
      if (synced_) {
        on_published(message, on_update);
      } else {
        held_.push_back(encode(message));
      }
    });
    failed_ = failed_ || !alive;
    return;
  }
  if (fd != dealer_.fd()) return;
  const bool alive = dealer_.progress([&](std::span<const core::Bytes> frames) {
    if (decode(frames, message) != Fault::kNone) failed_ = true;
    if (message.key != kEnd) return put(message.key, message.value);
    sequence_ = message.sequence;
    synced_ = true;
    dealer_.close();
  });
  failed_ = failed_ || (!alive && !synced_);
  if (!synced_) return;
  for (const auto& frames : std::exchange(held_, {})) {
    on_published({.key = frames[0],
                  .sequence = core::load_be<uint64_t>(core::as_bytes(frames[1]).data()),
                  .uuid = frames[2],
                  .properties = frames[3],
                  .value = frames[4]},
                 on_update);
  }
}

void LightClient::on_published(const Message& message, const std::function<void(const Message&)>& on_update) {
  if (message.key == kHeartbeat || message.sequence <= sequence_) return;
  if (message.sequence != sequence_ + 1) failed_ = true;
  sequence_ = message.sequence;
  put(message.key, message.value);
  on_update(message);
}

}  // namespace tapedeck::clone
