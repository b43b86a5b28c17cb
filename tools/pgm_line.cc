// `tapedeck pgm-line`: the process that a PGM line of a replay or a subscriber runs OpenPGM in. They start it; users
// have no need to, so that it is not in the list of commands.
#include <sys/socket.h>

#include <map>
#include <memory>

#include "engine/transport/endpoint.h"
#include "engine/transport/pgm_child.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

struct PgmLineOptions {
  transport::PgmRole role = transport::PgmRole::kSend;
  std::string endpoint;
  transport::MulticastSettings settings;
  int fd = -1;
};

const std::map<std::string, transport::PgmRole> kRoles = {{"send", transport::PgmRole::kSend},
                                                          {"receive", transport::PgmRole::kReceive}};

bool is_packet_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

core::Status run(PgmLineOptions options) {
  TD_ASSIGN(const transport::Endpoint endpoint, transport::parse_endpoint(options.endpoint));
  if (endpoint.scheme != transport::Scheme::kPgm && endpoint.scheme != transport::Scheme::kEpgm) {
    return core::fail_with(core::ExitCode::kUsage, "{} is no endpoint of pgm or epgm", options.endpoint);
  }
  if (!is_packet_socket(options.fd)) {
    return core::fail_with(core::ExitCode::kUsage,
                           "handle {} is no socket to a replay or a subscriber: they start pgm-line", options.fd);
  }
  transport::MulticastSettings& settings = options.settings;
  settings.scheme = endpoint.scheme;
  settings.group = endpoint.host;
  settings.port = endpoint.port;
  settings.interface = endpoint.nic;
  return transport::run_pgm_child(options.role, settings, options.fd);
}

}  // namespace

void add_pgm_line(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<PgmLineOptions>();
  transport::MulticastSettings& settings = options->settings;
  CLI::App* command = program.add_subcommand(
      "pgm-line",
      "Runs PGM for a replay or a subscriber, in a process of its own that may end on a malformed packet.\nThey start "
      "it and start it again; there is no need to call it.");
  command->group("");
  command->add_option("role", options->role, "send or receive")->required()->transform(CLI::Transformer(kRoles));
  command->add_option("--endpoint", options->endpoint, "pgm://ADDRESS;GROUP:PORT, or epgm")->required();
  command->add_option("--rate", settings.rate_bit_per_s, "Bits per second")->required()->check(CLI::PositiveNumber);
  command->add_option("--window", settings.window_bytes, "Bytes that can be sent again")->required();
  command->add_option("--recovery", settings.recovery_ns, "For how long, in nanoseconds")->required();
  command->add_option("--mtu", settings.mtu_bytes, "Bytes of an IP packet")->required()->check(CLI::Range(576, 65'535));
  command->add_option("--hops", settings.hops, "Routers that may pass it on, plus one")->check(CLI::Range(1, 255));
  command->add_option("--buffer", settings.buffer_bytes, "Bytes of the socket's buffer")->required();
  command->add_option("--fd", options->fd, "Handle of the socket to who has started it")->required();
  command->callback([options, &exit] {
    const core::Status status = run(*options);
    exit = status ? core::ExitCode::kOk : report(status.error());
  });
}

}  // namespace tapedeck::tools
