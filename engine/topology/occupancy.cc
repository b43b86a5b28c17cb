#include "engine/topology/occupancy.h"

#include <algorithm>
#include <array>

namespace tapedeck::topology {

// Compared field by field: what stands before outweighs all that comes after it.
struct Occupancy::Cost {
  unsigned threads_on_cpu;
  bool shares_core_with_other;
  bool is_system_core;
  std::array<unsigned, 2> near_and_own;  // in the order that the wish wants
  unsigned of_other_kind_on_cpu;
  unsigned busy_on_cpu;
  bool in_other_cache;

  auto operator<=>(const Cost&) const = default;
};

Occupancy::Occupancy(const Topology& topology)
    : topology_(topology),
      threads_on_cpu_(topology.cpus.size()),
      busy_on_cpu_(topology.cpus.size()),
      io_on_cpu_(topology.cpus.size()),
      threads_on_core_(topology.cores.size()),
      core_is_usable_(topology.cores.size()) {
  for (const Cpu& cpu : topology.cpus) {
    if (cpu.state == CpuState::kUsable) core_is_usable_[*cpu.core] = true;
  }
}

void Occupancy::keep_one_for_system(const std::vector<unsigned>& wanted_by_node) {
  std::optional<unsigned> first_free;
  for (size_t i = 0; i < topology_.nodes.size(); ++i) {
    std::optional<unsigned> first_here;
    unsigned free_here = 0;
    for (unsigned core = 0; core < topology_.cores.size(); ++core) {
      if (topology_.cores[core].node != topology_.nodes[i].number || !is_free(core)) continue;
      if (!first_here) first_here = core;
      ++free_here;
    }
    if (first_here && !first_free) first_free = first_here;
    if (first_here && free_here > wanted_by_node[i]) {
      system_core_ = first_here;
      return;
    }
  }
  system_core_ = first_free;
}

void Occupancy::take(unsigned cpu, bool is_busy, bool is_io) {
  ++threads_on_cpu_[place_of(cpu)];
  busy_on_cpu_[place_of(cpu)] += is_busy ? 1 : 0;
  io_on_cpu_[place_of(cpu)] += is_io ? 1 : 0;
  ++threads_on_core_[core_of(cpu)];
}

unsigned Occupancy::best(const Wish& wish) const {
  const Cpu* best = nullptr;
  Cost least{};
  for (const Cpu& cpu : topology_.cpus) {
    if (cpu.state != CpuState::kUsable || (wish.core && cpu.core != wish.core)) continue;
    const Cost here = cost(cpu, wish);
    if (best == nullptr || here < least) {
      best = &cpu;
      least = here;
    }
  }
  TD_CHECK(best != nullptr);  // make_plan refuses a machine without a usable CPU, and a wish is for a core that has one
  return best->number;
}

Occupancy::Cost Occupancy::cost(const Cpu& cpu, const Wish& wish) const {
  const Core& core = topology_.cores[*cpu.core];
  unsigned distance = 0;
  if (wish.node && *wish.node != core.node) {
    const Node* node = topology_.find_node(*wish.node);
    distance = node != nullptr && node->package == core.package ? 1 : 2;
  }
  const auto place = static_cast<size_t>(&cpu - topology_.cpus.data());
  Cost cost{.threads_on_cpu = threads_on_cpu_[place],
            .shares_core_with_other = cpu.core == wish.other_core_than,
            .is_system_core = cpu.core == system_core_,
            .near_and_own = {distance, threads_on_core_[*cpu.core]},
            .of_other_kind_on_cpu = wish.is_io ? threads_on_cpu_[place] - io_on_cpu_[place] : io_on_cpu_[place],
            .busy_on_cpu = busy_on_cpu_[place],
            .in_other_cache = wish.cache && *wish.cache != core.cache};
  if (wish.own_core_before_near) std::swap(cost.near_and_own[0], cost.near_and_own[1]);
  return cost;
}

unsigned Occupancy::usable_cores() const {
  return static_cast<unsigned>(std::count(core_is_usable_.begin(), core_is_usable_.end(), true));
}

unsigned Occupancy::free_cores() const {
  unsigned count = 0;
  for (unsigned core = 0; core < topology_.cores.size(); ++core) count += is_free(core) ? 1 : 0;
  return count;
}

std::optional<unsigned> Occupancy::roomiest_cache(unsigned node) const {
  std::vector<unsigned> free_by_cache(topology_.caches.size());
  std::optional<unsigned> roomiest;
  for (unsigned i = 0; i < topology_.cores.size(); ++i) {
    const Core& core = topology_.cores[i];
    if (core.node != node || !core_is_usable_[i]) continue;
    free_by_cache[core.cache] += is_free(i) ? 1 : 0;
    if (!roomiest) roomiest = core.cache;
  }
  for (unsigned cache = 0; roomiest && cache < free_by_cache.size(); ++cache) {
    if (free_by_cache[cache] > free_by_cache[*roomiest]) roomiest = cache;
  }
  return roomiest;
}

size_t Occupancy::place_of(unsigned cpu) const {
  const Cpu* found = topology_.find_cpu(cpu);
  TD_CHECK(found != nullptr);
  return static_cast<size_t>(found - topology_.cpus.data());
}

bool Occupancy::is_free(unsigned core) const {
  return core_is_usable_[core] && threads_on_core_[core] == 0 && core != system_core_;
}

}  // namespace tapedeck::topology
