#include "tools/multicast_options.h"

#include "engine/core/parse.h"

namespace tapedeck::tools {
namespace {

constexpr const char* kGroup = "Multicast (pgm, epgm, udp)";

// "800Mbit" or "800M".
core::Result<uint64_t> parse_bits(std::string_view text) {
  if (text.ends_with("bit")) text.remove_suffix(3);
  return core::parse_count(text);
}

}  // namespace

void add_multicast_options(CLI::App& command, MulticastArguments& arguments) {
  command
      .add_option("--mc-rate", arguments.rate,
                  "Bits/s of one line at most, IP headers included, e.g. 800Mbit (default: the interface's)")
      ->group(kGroup);
  command.add_option("--mc-mtu", arguments.mtu, "Bytes of an IP packet (default: the interface's)")->group(kGroup);
  command.add_option("--mc-hops", arguments.hops, "Routers that may pass it on, plus one")->group(kGroup);
  command.add_option("--mc-buffer", arguments.buffer, "Bytes that the system keeps for a socket (default: 16MiB)")
      ->group(kGroup);
  command
      .add_option(
          "--mc-recovery", arguments.recovery,
          "pgm, epgm: for how long what was sent can be sent again, e.g. 200ms; takes rate times this of memory")
      ->group(kGroup);
  command
      .add_option("--mc-message", arguments.message,
                  "pgm, epgm: bytes of a message, 8192 at most, which is the default")
      ->group(kGroup);
}

core::Result<transport::MulticastOptions> parse_multicast(const MulticastArguments& arguments) {
  transport::MulticastOptions options{.hops = arguments.hops};
  if (!arguments.rate.empty()) {
    TD_ASSIGN(options.rate_bit_per_s, parse_bits(arguments.rate));
  }
  if (!arguments.recovery.empty()) {
    TD_ASSIGN(options.recovery_ns, core::parse_duration_ns(arguments.recovery));
  }
  if (!arguments.buffer.empty()) {
    TD_ASSIGN(options.buffer_bytes, core::parse_bytes(arguments.buffer));
  }
  if (arguments.mtu != 0) options.mtu_bytes = arguments.mtu;
  if (arguments.message != 0) options.message_bytes = arguments.message;
  return options;
}

}  // namespace tapedeck::tools
