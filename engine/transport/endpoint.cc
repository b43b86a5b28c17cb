#include "engine/transport/endpoint.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

namespace tapedeck::transport {
namespace {

using core::ExitCode;
using core::fail_with;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kInproc = "inproc://";
constexpr std::string_view kAnyPort = "*";

struct MulticastScheme {
  Scheme scheme;
  std::string_view name;
};
constexpr std::array kMulticast = {MulticastScheme{Scheme::kPgm, "pgm://"}, MulticastScheme{Scheme::kEpgm, "epgm://"},
                                   MulticastScheme{Scheme::kUdp, "udp://"}};

bool is_port(std::string_view text) {
  if (text == kAnyPort) return true;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port <= 65535;
}

// "ADDRESS" or "ADDRESS@NIC".
std::pair<std::string_view, std::optional<std::string_view>> split_nic(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::string with_nic(std::string address, std::string_view nic) {
  return nic.empty() ? std::move(address) : fmt::format("{}@{}", address, nic);
}

// Whether there is one it makes sense; none is fine.
bool is_nic(std::optional<std::string_view> nic) {
  constexpr std::string_view kNever = "@;:, /";
  return !nic || (!nic->empty() && nic->find_first_of(kNever) == std::string_view::npos);
}

core::Result<Endpoint> parse_tcp(std::string_view text) {
  const auto [address, nic] = split_nic(text.substr(kTcp.size()));
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || !is_port(address.substr(colon + 1)) || !is_nic(nic)) {
    return fail_with(ExitCode::kUsage,
                     "bad endpoint '{}': expected tcp://HOST:PORT or tcp://HOST:PORT@NIC with a port of 0 to 65535, "
                     "e.g. tcp://127.0.0.1:5555",
                     text);
  }
  return Endpoint{.scheme = Scheme::kTcp,
                  .host = std::string(address.substr(0, colon)),
                  .port = std::string(address.substr(colon + 1)),
                  .nic = std::string(nic.value_or(""))};
}

core::Result<Endpoint> parse_multicast(Scheme scheme, std::string_view name, std::string_view text) {
  std::string_view rest = text.substr(name.size());
  auto [address, nic] = split_nic(rest);
  if (const size_t semicolon = rest.find(';'); !nic && semicolon != std::string_view::npos) {  // as ZeroMQ has it
    nic = rest.substr(0, semicolon);
    address = rest.substr(semicolon + 1);
  }
  const size_t colon = std::min(address.rfind(':'), address.size());
  const std::string_view port = address.substr(std::min(colon + 1, address.size()));
  Endpoint endpoint{.scheme = scheme,
                    .host = std::string(address.substr(0, colon)),
                    .port = std::string(port),
                    .nic = std::string(nic.value_or(""))};
  if (!is_nic(nic) || !is_port(port) || port == kAnyPort || port == "0") {
    return fail_with(ExitCode::kUsage,
                     "bad endpoint '{}': expected {}GROUP:PORT@NIC with a port of 1 to 65535 and the name or IPv4 "
                     "address of an interface, e.g. {}239.192.1.1:5555@eth1",
                     text, name, name);
  }
  in_addr group{};
  if (inet_pton(AF_INET, endpoint.host.c_str(), &group) != 1 || !IN_MULTICAST(ntohl(group.s_addr))) {
    return fail_with(ExitCode::kUsage,
                     "bad endpoint '{}': '{}' is no group; IPv4 multicast groups are 224.0.0.0 to 239.255.255.255, "
                     "of which 239.192.0.0 to 239.251.255.255 are for an organisation's own use",
                     text, endpoint.host);
  }
  return endpoint;
}

core::Result<Endpoint> parse_ipc(std::string_view text) {
  std::error_code error;  // of an empty path
  const std::string path = std::filesystem::absolute(text.substr(kIpc.size()), error).lexically_normal();
  constexpr size_t kRoom = sizeof(sockaddr_un::sun_path) - sizeof(".session");
  if (error || path.size() > kRoom) {
    return fail_with(ExitCode::kUsage, "bad endpoint '{}': expected ipc://PATH, at most {} characters with its folder",
                     text, kRoom);
  }
  return Endpoint{.scheme = Scheme::kIpc, .path = path};
}

core::Result<Endpoint> parse_inproc(std::string_view text) {
  const std::string_view name = text.substr(kInproc.size());
  if (name.empty()) return fail_with(ExitCode::kUsage, "bad endpoint '{}': expected inproc://NAME", text);
  return Endpoint{.scheme = Scheme::kInproc, .path = std::string(name)};
}

}  // namespace

std::string Endpoint::text() const {
  if (scheme == Scheme::kIpc) return fmt::format("{}{}", kIpc, path);
  if (scheme == Scheme::kInproc) return fmt::format("{}{}", kInproc, path);
  for (const MulticastScheme& multicast : kMulticast) {
    if (scheme == multicast.scheme) return with_nic(fmt::format("{}{}:{}", multicast.name, host, port), nic);
  }
  return with_nic(fmt::format("tcp://{}:{}", host, port == "0" ? "*" : port), nic);
}

core::Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with(kTcp)) return parse_tcp(text);
  if (text.starts_with(kIpc)) return parse_ipc(text);
  if (is_within_process(text)) return parse_inproc(text);
  for (const auto& [scheme, name] : kMulticast) {
    if (text.starts_with(name)) return parse_multicast(scheme, name, text);
  }
  return fail_with(ExitCode::kUsage,
                   "bad endpoint '{}': expected tcp://HOST:PORT, ipc://PATH, inproc://NAME, or pgm://, epgm:// or "
                   "udp:// with GROUP:PORT@NIC",
                   text);
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

core::Status check_ports(const std::vector<Endpoint>& shards) {
  std::set<std::string_view> ports;
  for (const Endpoint& shard : shards) {
    const bool is_pgm = shard.scheme == Scheme::kPgm || shard.scheme == Scheme::kEpgm;
    if (is_pgm && !ports.insert(shard.port).second) {
      return fail_with(ExitCode::kUsage,
                       "two shards on port {}: a receiver of PGM hears every group on its port, so give "
                       "each shard a port of its own",
                       shard.port);
    }
  }
  return {};
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

void take_nics(std::vector<Endpoint>& shards, const std::vector<topology::ShardPlace>& places) {
  for (size_t i = 0; i < shards.size() && !places.empty(); ++i) {
    if (shards[i].is_multicast() && shards[i].nic.empty()) shards[i].nic = places[i % places.size()].nic;
  }
}

bool is_within_process(std::string_view endpoint) { return endpoint.starts_with(kInproc); }

Endpoint session_endpoint_for(const Endpoint& data) {
  if (data.scheme == Scheme::kIpc || data.scheme == Scheme::kInproc) {
    return {.scheme = data.scheme, .path = data.path + ".session"};
  }
  return {.host = data.is_multicast() ? "*" : data.host, .port = std::string(kAnyPort), .nic = data.nic};
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
