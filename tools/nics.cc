// `tapedeck nics`: the network interfaces of this machine, and what matters about them to a replay.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/topology/discover.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const topology::Nic& nic) {
  return {{"name", nic.name},
          {"up", nic.up},
          {"speed_mbit_per_s", value_or_null(nic.speed_mbit_per_s)},
          {"mtu", nic.mtu_bytes},
          {"node", value_or_null(nic.node)},
          {"multicast", nic.multicast},
          {"loopback", nic.loopback},
          {"hardware", nic.hardware},
          {"time_stamping", nic.time_stamping},
          {"addresses", nic.addresses}};
}

std::string speed_of(const topology::Nic& nic) {
  if (!nic.speed_mbit_per_s) return "-";
  const uint64_t mbit = *nic.speed_mbit_per_s;
  return mbit < 1000 ? fmt::format("{} Mbit/s", mbit) : fmt::format("{:.4g} Gbit/s", static_cast<double>(mbit) / 1000);
}

void print_row(const topology::Nic& nic) {
  fmt::print("{:<16}{:<6}{:<13}{:<8}{:<6}{:<11}{:<25}{}\n", nic.name, nic.up ? "up" : "down", speed_of(nic),
             nic.mtu_bytes, nic.node ? fmt::format("{}", *nic.node) : "-", nic.multicast ? "yes" : "no",
             nic.time_stamping.empty() ? "-" : fmt::format("{}", fmt::join(nic.time_stamping, ",")),
             nic.addresses.empty() ? "-" : fmt::format("{}", fmt::join(nic.addresses, " ")));
}

core::Status run(bool as_json) {
  TD_ASSIGN(const topology::Topology machine, topology::discover_this_machine());
  if (as_json) {
    Json json = {{"nics", Json::array()}};
    for (const topology::Nic& nic : machine.nics) json["nics"].push_back(to_json(nic));
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
    return {};
  }
  fmt::print("{:<16}{:<6}{:<13}{:<8}{:<6}{:<11}{:<25}{}\n", "NIC", "LINK", "SPEED", "MTU", "NODE", "MULTICAST",
             "TIME STAMPS", "ADDRESSES");
  for (const topology::Nic& nic : machine.nics) print_row(nic);
  return {};
}

}  // namespace

void add_nics(CLI::App& program, core::ExitCode& exit) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = program.add_subcommand(
      "nics", "Lists network interfaces: speed, MTU, NUMA node, addresses, multicast, time stamps of packets");
  command->add_flag("--json", *as_json, "Print one JSON object");
  command->callback([as_json, &exit] {
    const auto done = run(*as_json);
    exit = done ? core::ExitCode::kOk : report(done.error());
  });
}

}  // namespace tapedeck::tools
