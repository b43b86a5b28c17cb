#include "engine/transport/loopback_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

namespace tapedeck::transport {
namespace {

constexpr int kBacklog = 4096;
constexpr std::string_view kCongestionControl = "reno";  // in every kernel, and allowed to every user

in_addr_t address_of(std::string_view host) {
  return host == "localhost" ? htonl(INADDR_LOOPBACK) : inet_addr(std::string(host).c_str());
}

uint16_t port_of(std::string_view port) {
  uint16_t number = 0;  // also of "*"
  std::from_chars(port.data(), port.data() + port.size(), number);
  return number;
}

}  // namespace

bool is_loopback(std::string_view host) {
  constexpr uint32_t kNet = 127;
  in_addr address{};
  const bool is_address = inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
  return host == "localhost" || (is_address && ntohl(address.s_addr) >> 24 == kNet);
}

tl::expected<int, int> listen_on_loopback(std::string_view host, std::string_view port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return tl::unexpected(errno);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);                                           // as libzmq does
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kCongestionControl.data(), kCongestionControl.size());  // a wish
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = address_of(host);
  address.sin_port = htons(port_of(port));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return tl::unexpected(error);
  }
  return fd;
}

}  // namespace tapedeck::transport
