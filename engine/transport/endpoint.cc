#include "engine/transport/endpoint.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace tapedeck::transport {
namespace {

using core::ExitCode;
using core::fail_with;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kInproc = "inproc://";
constexpr std::string_view kAnyPort = "*";

bool is_port(std::string_view text) {
  if (text == kAnyPort) return true;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port <= 65535;
}

core::Result<Endpoint> parse_tcp(std::string_view text) {
  const std::string_view rest = text.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || !is_port(rest.substr(colon + 1))) {
    return fail_with(ExitCode::kUsage,
                     "bad endpoint '{}': expected tcp://HOST:PORT with a port of 0 to 65535, "
                     "e.g. tcp://127.0.0.1:5555",
                     text);
  }
  return Endpoint{.scheme = Scheme::kTcp,
                  .host = std::string(rest.substr(0, colon)),
                  .port = std::string(rest.substr(colon + 1)),
                  .path = {}};
}

core::Result<Endpoint> parse_ipc(std::string_view text) {
  std::error_code error;  // of an empty path
  const std::string path = std::filesystem::absolute(text.substr(kIpc.size()), error).lexically_normal();
  constexpr size_t kRoom = sizeof(sockaddr_un::sun_path) - sizeof(".session");
  if (error || path.size() > kRoom) {
    return fail_with(ExitCode::kUsage, "bad endpoint '{}': expected ipc://PATH, at most {} characters with its folder",
                     text, kRoom);
  }
  return Endpoint{.scheme = Scheme::kIpc, .host = {}, .port = {}, .path = path};
}

core::Result<Endpoint> parse_inproc(std::string_view text) {
  const std::string_view name = text.substr(kInproc.size());
  if (name.empty()) return fail_with(ExitCode::kUsage, "bad endpoint '{}': expected inproc://NAME", text);
  return Endpoint{.scheme = Scheme::kInproc, .host = {}, .port = {}, .path = std::string(name)};
}

}  // namespace

std::string Endpoint::text() const {
  if (scheme == Scheme::kIpc) return fmt::format("{}{}", kIpc, path);
  if (scheme == Scheme::kInproc) return fmt::format("{}{}", kInproc, path);
  return fmt::format("tcp://{}:{}", host, port == "0" ? "*" : port);
}

core::Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with(kTcp)) return parse_tcp(text);
  if (text.starts_with(kIpc)) return parse_ipc(text);
  if (is_within_process(text)) return parse_inproc(text);
  return fail_with(ExitCode::kUsage, "bad endpoint '{}': expected tcp://HOST:PORT, ipc://PATH or inproc://NAME", text);
}

core::Result<std::vector<Endpoint>> parse_endpoints(std::string_view list) {
  std::vector<Endpoint> endpoints;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    TD_ASSIGN(endpoints.emplace_back(), parse_endpoint(list.substr(begin, end - begin)));
    begin = end + 1;
  }
  return endpoints;
}

std::vector<Endpoint> neighbours(const Endpoint& first, size_t count) {
  std::vector<Endpoint> endpoints{first};
  unsigned port = 0;
  std::from_chars(first.port.data(), first.port.data() + first.port.size(), port);
  for (size_t i = 1; i < count && (port == 0 || port + i <= 65535); ++i) {
    Endpoint& next = endpoints.emplace_back(first);
    if (port != 0) next.port = std::to_string(port + i);
    if (!first.path.empty()) next.path = fmt::format("{}-{}", first.path, i);
  }
  return endpoints;
}

bool is_within_process(std::string_view endpoint) { return endpoint.starts_with(kInproc); }

Endpoint session_endpoint_for(const Endpoint& data) {
  if (data.scheme != Scheme::kTcp)
    return {.scheme = data.scheme, .host = {}, .port = {}, .path = data.path + ".session"};
  return {.scheme = Scheme::kTcp, .host = data.host, .port = std::string(kAnyPort), .path = {}};
}

core::Status check_free(const Endpoint& endpoint) {
  if (endpoint.scheme != Scheme::kIpc) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, endpoint.path.data(), endpoint.path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  if (answered)
    return core::fail("cannot bind {}: a program listens there already; choose another path", endpoint.text());
  return {};
}

}  // namespace tapedeck::transport
