#include "engine/topology/plan_check.h"

#include <algorithm>

namespace tapedeck::topology {
namespace {

template <class... Args>
core::Status refuse(fmt::format_string<Args...> format, Args&&... args) {
  return core::fail_with(core::ExitCode::kUsage, format, std::forward<Args>(args)...);
}

std::string to_text(const MachineShape& shape) {
  return fmt::format("{} packages, {} NUMA nodes, {} cores and {} CPUs", shape.packages, shape.nodes, shape.cores,
                     shape.cpus);
}

core::Status check_machine(const Topology& topology, const PlanRequest& request) {
  if (std::ranges::none_of(topology.cpus, [](const Cpu& cpu) { return cpu.state == CpuState::kUsable; })) {
    return refuse("{} has no CPU that may be used", topology.name);
  }
  const MachineShape shape = shape_of(topology);
  if (!request.machine || *request.machine == shape) return {};
  return refuse(
      "this plan is for another machine, of {}, while {} has {}: plan anew, or take [machine] out of the plan file",
      to_text(*request.machine), topology.name, to_text(shape));
}

core::Status check_counts(const PlanRequest& request) {
  if (request.shards == 0u) return refuse("a plan needs at least one shard, or \"auto\"");
  if (request.workers == 0u) return refuse("a plan needs at least one worker, or \"auto\"");
  const size_t shards = std::max<size_t>(request.shards.value_or(1), fixed_shards(request));
  if (shards > kShardsMax) return refuse("{} shards are more than {}", shards, kShardsMax);
  if (request.role == Role::kCapture && shards > 1) return refuse("a capture is one shard, not {}", shards);
  const size_t workers = std::max<size_t>(request.workers.value_or(1), request.fixed_worker_cpus.size());
  if (workers > kWorkersMax) return refuse("{} workers are more than {}", workers, kWorkersMax);
  if (request.shards && shards > *request.shards) {
    return refuse("the plan fixes {} shards by hand, but has {}", shards, *request.shards);
  }
  if (request.workers && workers > *request.workers) {
    return refuse("the plan fixes {} workers by hand, but has {}", workers, *request.workers);
  }
  if (request.fifo_priority && (*request.fifo_priority < 1 || *request.fifo_priority > 99)) {
    return refuse("priority {} is none of SCHED_FIFO: take one from 1 to 99", *request.fifo_priority);
  }
  return {};
}

core::Status check_cpu(const Topology& topology, std::optional<unsigned> number, const std::string& who) {
  if (!number) return {};
  const Cpu* cpu = topology.find_cpu(*number);
  if (cpu == nullptr) {
    return refuse("CPU {} of {} is not there: the CPUs of {} are {} to {}", *number, who, topology.name,
                  topology.cpus.front().number, topology.cpus.back().number);
  }
  if (cpu->state == CpuState::kOffline) {
    return refuse("CPU {} of {} is offline: choose another, or bring it back by /sys/devices/system/cpu/cpu{}/online",
                  *number, who, *number);
  }
  if (cpu->state == CpuState::kForbidden) {
    return refuse("CPU {} of {} is forbidden by this process's control group or affinity: see `taskset -cp $$`",
                  *number, who);
  }
  return {};
}

core::Status check_nic(const Topology& topology, const std::string& name) {
  if (topology.find_nic(name) != nullptr) return {};
  std::vector<std::string_view> names;
  for (const Nic& nic : topology.nics) names.push_back(nic.name);
  return refuse("NIC {} is not there: {} has {}", name, topology.name,
                names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

core::Status check_shards(const Topology& topology, const std::vector<FixedShard>& shards, std::string_view kind) {
  for (size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].nic) TD_TRY(check_nic(topology, *shards[i].nic));
    TD_TRY(check_cpu(topology, shards[i].io_cpu, fmt::format("{}-io-{}", kind, i)));
    TD_TRY(check_cpu(topology, shards[i].thread_cpu, fmt::format("{}-{}", kind, i)));
  }
  return {};
}

}  // namespace

size_t fixed_shards(const PlanRequest& request) {
  switch (request.role) {
    case Role::kPublisher: return request.fixed_publishers.size();
    case Role::kSubscriber: return request.fixed_subscribers.size();
    case Role::kBoth: return std::max(request.fixed_publishers.size(), request.fixed_subscribers.size());
    case Role::kCapture: return request.fixed_captures.size();
  }
  return 0;
}

core::Status check_request(const Topology& topology, const PlanRequest& request) {
  TD_TRY(check_machine(topology, request));
  TD_TRY(check_counts(request));
  for (const std::string& name : request.nics) TD_TRY(check_nic(topology, name));
  TD_TRY(check_shards(topology, request.fixed_publishers, "pub"));
  TD_TRY(check_shards(topology, request.fixed_subscribers, "sub"));
  TD_TRY(check_shards(topology, request.fixed_captures, "cap"));
  for (size_t i = 0; i < request.fixed_worker_cpus.size(); ++i) {
    TD_TRY(check_cpu(topology, request.fixed_worker_cpus[i], fmt::format("work-{}", i)));
  }
  return {};
}

}  // namespace tapedeck::topology
