#include "engine/topology/nics.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>

#include "engine/core/file.h"

namespace tapedeck::topology {
namespace {

namespace fs = std::filesystem;

// sysfs answers some reads with an error, such as that of the speed of a link that is down.
std::string first_word(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::optional<long> number_in(const fs::path& path, int base = 10) {
  const std::string word = first_word(path);
  const std::string_view digits = std::string_view(word).substr(base == 16 && word.starts_with("0x") ? 2 : 0);
  long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// The interface's own device, or that of one that it is built on: bonds, VLANs and bridges have links "lower_NAME".
std::optional<fs::path> device_of(const fs::path& interface, unsigned depth = 0) {
  constexpr unsigned kDepthMax = 8;
  std::error_code ignored;
  if (fs::exists(interface / "device", ignored)) return interface / "device";
  if (depth == kDepthMax) return std::nullopt;
  for (const auto& entry : fs::directory_iterator(interface, ignored)) {
    if (!entry.path().filename().string().starts_with("lower_")) continue;
    if (auto device = device_of(entry.path(), depth + 1)) return device;
  }
  return std::nullopt;
}

std::multimap<std::string, std::string> read_addresses() {
  std::multimap<std::string, std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const void* address =
        family == AF_INET ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
    char text[INET6_ADDRSTRLEN] = "";
    if (inet_ntop(family, address, text, sizeof text) != nullptr) addresses.emplace(entry->ifa_name, text);
  }
  return addresses;
}

std::vector<std::string> read_time_stamping(const std::string& name) {
  ethtool_ts_info info{};
  info.cmd = ETHTOOL_GET_TS_INFO;
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return {};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_data = reinterpret_cast<char*>(&info);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool answered = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0;
  if (fd >= 0) close(fd);
  if (!answered) return {};

  constexpr std::pair<uint32_t, const char*> kKinds[] = {{SOF_TIMESTAMPING_TX_HARDWARE, "tx-hardware"},
                                                         {SOF_TIMESTAMPING_TX_SOFTWARE, "tx-software"},
                                                         {SOF_TIMESTAMPING_RX_HARDWARE, "rx-hardware"},
                                                         {SOF_TIMESTAMPING_RX_SOFTWARE, "rx-software"}};
  std::vector<std::string> kinds;
  for (const auto& [bit, kind] : kKinds) {
    if ((info.so_timestamping & bit) != 0) kinds.emplace_back(kind);
  }
  return kinds;
}

Nic read_nic(const fs::path& interface) {
  Nic nic;
  nic.name = interface.filename().string();
  const auto flags = static_cast<unsigned long>(number_in(interface / "flags", 16).value_or(0));
  nic.loopback = (flags & IFF_LOOPBACK) != 0;
  nic.multicast = (flags & IFF_MULTICAST) != 0;
  // The flag says what the administrator wants, the state whether there is a link; loopback's is "unknown".
  nic.up = (flags & IFF_UP) != 0 && first_word(interface / "operstate") != "down";
  nic.mtu_bytes = static_cast<unsigned>(number_in(interface / "mtu").value_or(0));
  if (const auto speed = number_in(interface / "speed"); speed && *speed > 0) {
    nic.speed_mbit_per_s = static_cast<uint64_t>(*speed);
  }
  if (const auto device = device_of(interface)) {
    nic.hardware = true;
    const auto node = number_in(*device / "numa_node");
    if (node && *node >= 0) nic.node = static_cast<unsigned>(*node);
  }
  nic.time_stamping = read_time_stamping(nic.name);
  return nic;
}

}  // namespace

core::Result<std::vector<Nic>> read_nics(const fs::path& sysfs) {
  std::error_code error;
  std::map<long, fs::path> interfaces;  // by the system's index
  for (const auto& entry : fs::directory_iterator(sysfs, error)) {
    if (const auto index = number_in(entry.path() / "ifindex")) interfaces.emplace(*index, entry.path());
  }
  if (error) return core::fail("cannot list network interfaces in {}: {}", sysfs.string(), error.message());

  const auto addresses = read_addresses();
  std::vector<Nic> nics;
  for (const auto& [index, path] : interfaces) {
    Nic& nic = nics.emplace_back(read_nic(path));
    const auto [first, last] = addresses.equal_range(nic.name);
    std::transform(first, last, std::back_inserter(nic.addresses), [](const auto& entry) { return entry.second; });
  }
  return nics;
}

}  // namespace tapedeck::topology
