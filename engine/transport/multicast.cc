#include "engine/transport/multicast.h"

#include <algorithm>

#include "engine/core/parse.h"
#include "engine/transport/nic.h"

namespace tapedeck::transport {
namespace {

using core::ExitCode;
using core::fail_with;

constexpr uint64_t kMbit = 1'000'000;
constexpr uint64_t kUnknownSpeed = 1000 * kMbit;  // bits/s; of interfaces that do not tell theirs
constexpr uint64_t kPgmRateMax = 2000 * kMbit;    // bits/s; more than OpenPGM gets out of a core
constexpr uint64_t kPgmWindow = 12'500'000;       // bytes: with more of it OpenPGM is slower (docs/performance.md)
constexpr int64_t kRecoveryMin_ns = 10'000'000;
constexpr int64_t kRecoveryMax_ns = 10'000'000'000;
constexpr uint64_t kWindowMax = 1u << 30;  // bytes
constexpr unsigned kMtuMin = 576;          // bytes; that every IPv4 host takes
constexpr unsigned kMessageMin = 256;
constexpr unsigned kMessageMax = 8192;        // with larger ones a receiver can go deaf
constexpr uint64_t kBufferBytes = 16u << 20;  // larger ones no longer fit in caches, and are slower

core::Result<uint64_t> rate_of(const Endpoint& endpoint, const MulticastOptions& options, const topology::Nic& nic) {
  const uint64_t speed = nic.speed_mbit_per_s.value_or(0) * kMbit;
  if (options.rate_bit_per_s) {
    if (*options.rate_bit_per_s < 8'000) {
      return fail_with(ExitCode::kUsage, "a rate of {} bit/s is too low to send anything", *options.rate_bit_per_s);
    }
    if (nic.hardware && speed != 0 &&
        *options.rate_bit_per_s > speed) {  // virtual ones tell of a speed that they do not have
      return fail_with(ExitCode::kUsage, "a rate of {} Mbit/s is more than {} can send, which is {} Mbit/s",
                       *options.rate_bit_per_s / kMbit, nic.name, speed / kMbit);
    }
    return *options.rate_bit_per_s;
  }
  const uint64_t rate = speed == 0 ? kUnknownSpeed : speed;
  return endpoint.scheme == Scheme::kUdp ? rate : std::min(rate, kPgmRateMax);
}

core::Result<unsigned> mtu_of(const MulticastOptions& options, const topology::Nic& nic) {
  const unsigned mtu = options.mtu_bytes.value_or(std::min(nic.mtu_bytes, 65'535U));
  if (mtu > nic.mtu_bytes) {
    return fail_with(ExitCode::kUsage, "packets of {} bytes are larger than the MTU of {}, which is {}", mtu, nic.name,
                     nic.mtu_bytes);
  }
  if (mtu < kMtuMin) return fail_with(ExitCode::kUsage, "an MTU of {} bytes is less than {}", mtu, kMtuMin);
  return mtu;
}

core::Result<unsigned> datagram_of(const Endpoint& endpoint, const MulticastOptions& options, unsigned mtu) {
  if (endpoint.scheme == Scheme::kUdp) {
    if (options.message_bytes) {
      return fail_with(ExitCode::kUsage, "{} sends packets as large as the MTU; messages are for pgm and epgm",
                       endpoint.text());
    }
    return mtu - kUdpHeaders;
  }
  const unsigned bytes = options.message_bytes.value_or(kMessageMax);
  if (bytes < kMessageMin || bytes > kMessageMax) {
    return fail_with(ExitCode::kUsage, "a message on PGM has {} to {} bytes, not {}", kMessageMin, kMessageMax, bytes);
  }
  return bytes;
}

// For how long what was sent can be sent again, and the memory that this takes.
core::Status add_recovery(const MulticastOptions& options, MulticastSettings& settings) {
  const double bytes_per_s = static_cast<double>(settings.rate_bit_per_s) / 8;
  const auto computed_ns = static_cast<int64_t>(static_cast<double>(kPgmWindow) / bytes_per_s * 1e9);
  settings.recovery_ns = options.recovery_ns.value_or(std::clamp(computed_ns, kRecoveryMin_ns, kRecoveryMax_ns));
  if (settings.recovery_ns < 1'000'000) {
    return fail_with(ExitCode::kUsage, "PGM needs at least 1 ms to send again what was lost");
  }
  const double window = bytes_per_s * static_cast<double>(settings.recovery_ns) * 1e-9;
  if (window > static_cast<double>(kWindowMax)) {
    return fail_with(ExitCode::kUsage,
                     "to send again for {} what was sent at {} Mbit/s takes {} of memory, more than {}",
                     core::format_duration(settings.recovery_ns), settings.rate_bit_per_s / kMbit,
                     core::format_bytes(static_cast<uint64_t>(window)), core::format_bytes(kWindowMax));
  }
  settings.window_bytes = static_cast<uint64_t>(window);
  return {};
}

}  // namespace

std::string MulticastSettings::sentence() const {
  std::string text =
      fmt::format("{}:{} on {} ({}): up to {} Mbit/s, MTU {}, datagrams of {} bytes, {} hop{}, buffers of {}", group,
                  port, nic, interface, rate_bit_per_s / kMbit, mtu_bytes, datagram_bytes, hops, hops == 1 ? "" : "s",
                  core::format_bytes(buffer_bytes));
  if (scheme == Scheme::kUdp) return text;
  return fmt::format("{}, sends again for {} ({})", text, core::format_duration(recovery_ns),
                     core::format_bytes(window_bytes));
}

core::Result<MulticastSettings> settle(const Endpoint& endpoint, const MulticastOptions& options) {
  if (endpoint.nic.empty()) {
    return fail_with(ExitCode::kUsage, "{} names no interface, and there is no plan that gives its shard one: {}@NIC",
                     endpoint.text(), endpoint.text());
  }
  TD_ASSIGN(const topology::Nic nic, find_nic(endpoint.nic));
  return settle_on(nic, endpoint, options);
}

core::Result<MulticastSettings> settle_on(const topology::Nic& nic, const Endpoint& endpoint,
                                          const MulticastOptions& options) {
  if (!nic.up) {
    return fail_with(ExitCode::kUsage, "{} is down: `ip link set {} up`, or name another interface", nic.name,
                     nic.name);
  }
  if (!nic.multicast) {
    return fail_with(ExitCode::kUsage,
                     "{} does not do multicast: `ip link set {} multicast on`, or name another interface", nic.name,
                     nic.name);
  }
  if (options.hops < 1 || options.hops > 255) {
    return fail_with(ExitCode::kUsage, "packets make 1 to 255 hops, not {}", options.hops);
  }
  MulticastSettings settings{.scheme = endpoint.scheme,
                             .group = endpoint.host,
                             .port = endpoint.port,
                             .nic = nic.name,
                             .hops = options.hops,
                             .buffer_bytes = options.buffer_bytes.value_or(kBufferBytes)};
  TD_ASSIGN(settings.interface, ipv4_of(nic, endpoint.nic));
  TD_ASSIGN(settings.rate_bit_per_s, rate_of(endpoint, options, nic));
  TD_ASSIGN(settings.mtu_bytes, mtu_of(options, nic));
  TD_ASSIGN(settings.datagram_bytes, datagram_of(endpoint, options, settings.mtu_bytes));
  if (endpoint.scheme != Scheme::kUdp) {
    TD_TRY(add_recovery(options, settings));
  }
  return settings;
}

}  // namespace tapedeck::transport
