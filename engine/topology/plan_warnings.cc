#include "engine/topology/plan_warnings.h"

#include <algorithm>
#include <map>

namespace tapedeck::topology {
namespace {

using Names = std::vector<std::string_view>;

// "0 (pub-0, work-3), 1 (sub-0, work-4) and 7 more"
std::string list(const std::map<unsigned, Names>& crowded) {
  constexpr size_t kNamedMax = 4;
  std::vector<std::string> named;
  for (const auto& [number, names] : crowded) {
    if (named.size() < kNamedMax) named.push_back(fmt::format("{} ({})", number, fmt::join(names, ", ")));
  }
  const size_t more = crowded.size() - named.size();
  return fmt::format("{}{}", fmt::join(named, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

// Groups the threads by CPU or core, and leaves only the groups with more than one.
template <class NumberOf>
std::map<unsigned, Names> crowds(const std::vector<PlannedThread>& threads, NumberOf number_of) {
  std::map<unsigned, Names> groups;
  for (const PlannedThread& thread : threads) groups[number_of(thread)].push_back(thread.place->name);
  std::erase_if(groups, [](const auto& group) { return group.second.size() < 2; });
  return groups;
}

class Warnings {
 public:
  Warnings(const Plan& plan, const Topology& topology, const Occupancy& occupancy)
      : plan_(plan), topology_(topology), occupancy_(occupancy), threads_(threads_of(plan)) {}

  std::vector<std::string> collect() {
    warn_of_crowds();
    warn_of_system_core();
    for (const ShardPlace& shard : plan_.publishers) warn_of_shard(shard);
    for (const ShardPlace& shard : plan_.subscribers) warn_of_shard(shard);
    for (const ShardPlace& shard : plan_.captures) warn_of_shard(shard);
    if (topology_.cpu_quota && *topology_.cpu_quota < static_cast<double>(threads_.size())) {
      add("the control group gives this process the time of {:.4g} CPUs: its {} threads will be stopped when it is "
          "used up",
          *topology_.cpu_quota, threads_.size());
    }
    return std::move(warnings_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    warnings_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  [[nodiscard]] unsigned core_of(const ThreadPlace& thread) const { return occupancy_.core_of(*thread.cpu); }

  void warn_of_crowds() {
    const auto cpus = crowds(threads_, [](const PlannedThread& thread) { return *thread.place->cpu; });
    const unsigned cores = occupancy_.usable_cores();
    if (!cpus.empty()) {
      add("OVERSUBSCRIBED: {} threads, {} cores; more than one on CPU {}: they will wait for each other",
          threads_.size(), cores, list(cpus));
      return;
    }
    const auto shared = crowds(threads_, [&](const PlannedThread& thread) { return core_of(*thread.place); });
    if (!shared.empty()) {
      add("{} threads, {} cores; SMT siblings are in use on core {}: each runs slower than alone", threads_.size(),
          cores, list(shared));
    }
  }

  void warn_of_system_core() {
    if (plan_.system_core ? occupancy_.threads_on_core(*plan_.system_core) > 0 : occupancy_.usable_cores() > 4) {
      add("no core is left to the system: its interrupts and other programs will stop these threads now and then");
    }
  }

  void warn_of_shard(const ShardPlace& shard) {
    if (core_of(shard.io) == core_of(shard.thread) && *shard.io.cpu != *shard.thread.cpu) {
      add("{} and its I/O thread share core {}", shard.thread.name, core_of(shard.thread));
    }
    const Nic* nic = topology_.find_nic(shard.nic);
    if (nic == nullptr || !nic->node) return;
    Names away;
    for (const ThreadPlace* thread : {&shard.io, &shard.thread}) {
      if (occupancy_.node_of(*thread->cpu) != *nic->node) away.push_back(thread->name);
    }
    if (!away.empty()) {
      add("{} not on node {}, where NIC {} hangs: its data cross between nodes", fmt::join(away, " and "), *nic->node,
          nic->name);
    }
  }

  const Plan& plan_;
  const Topology& topology_;
  const Occupancy& occupancy_;
  std::vector<PlannedThread> threads_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::vector<std::string> warnings_of(const Plan& plan, const Topology& topology, const Occupancy& occupancy) {
  return Warnings(plan, topology, occupancy).collect();
}

}  // namespace tapedeck::topology
