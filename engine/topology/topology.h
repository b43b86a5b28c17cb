// What a machine has to run threads on and to send through: packages, NUMA nodes, caches, cores, logical CPUs, network
// interfaces, and what of it this process may use. Plain data, of this machine or of one that is only described
// (discover.h), so that a plan can be made for either. Numbers of packages, caches and cores count from 0 in hwloc's
// order; those of nodes and CPUs are the system's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tapedeck::topology {

struct Node {  // a NUMA node that has cores
  unsigned number = 0;
  unsigned package = 0;
  uint64_t memory_bytes = 0;
};

struct Core {  // a physical core; its place in Topology::cores is its number
  unsigned package = 0;
  unsigned node = 0;   // its number
  unsigned cache = 0;  // cores with the same number share a last-level cache
};

enum class CpuState { kUsable, kOffline, kForbidden };  // forbidden: by control group or affinity

struct Cpu {  // a logical CPU; CPUs of one core are SMT siblings
  unsigned number = 0;
  std::optional<unsigned> core;  // none of an offline one
  CpuState state = CpuState::kUsable;
};

struct Nic {
  std::string name{};
  std::optional<unsigned> node{};  // that it hangs on; none if the system does not say, as of virtual ones
  std::optional<uint64_t> speed_mbit_per_s{};
  unsigned mtu_bytes = 0;
  bool up = false;
  bool loopback = false;
  bool hardware = false;  // it is a device, or on top of one, as a bond is
  bool multicast = false;
  std::vector<std::string> addresses{};
  std::vector<std::string> time_stamping{};  // of "tx-hardware", "tx-software", "rx-hardware", "rx-software"
};

struct Cache {  // a last-level cache
  uint64_t size_bytes = 0;
  unsigned level = 0;  // 0: the machine has none that cores share
};

struct Topology {
  std::string name;  // "this machine", or the description it was made from
  bool is_this_machine = false;
  unsigned packages = 0;
  std::vector<Node> nodes;
  std::vector<Cache> caches;  // by the number that cores give
  std::vector<Core> cores;
  std::vector<Cpu> cpus;  // ascending
  std::vector<Nic> nics;
  std::optional<double> cpu_quota;  // CPUs' worth of time that the control group gives at most

  [[nodiscard]] const Cpu* find_cpu(unsigned number) const;  // nullptr: there is none
  [[nodiscard]] const Node* find_node(unsigned number) const;
  [[nodiscard]] const Nic* find_nic(const std::string& name) const;
};

}  // namespace tapedeck::topology
