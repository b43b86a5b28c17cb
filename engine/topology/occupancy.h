// Which CPUs of a machine are taken while a plan is made, and which is the best for the next thread. The order of the
// rules (plan.h) is the order of the fields of its `Cost`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/core/status.h"
#include "engine/topology/topology.h"

namespace tapedeck::topology {

// What a thread would like. What is not said does not matter to it.
struct Wish {
  std::optional<unsigned> core;  // no other one
  std::optional<unsigned> node;
  std::optional<unsigned> cache;
  std::optional<unsigned> other_core_than;  // that of the thread it works with
  bool own_core_before_near = false;        // a worker; most shards' threads prefer an SMT sibling on their node
  bool is_busy = true;                      // touches every byte; where CPUs have several threads these are spread
  bool is_io = false;                       // where CPUs have several threads, those for I/O share one with their like
};

class Occupancy {
 public:
  explicit Occupancy(const Topology& topology);

  // Leaves a core to the system: the first of a node that can spare one beside `wanted_by_node` threads (by the place
  // of the node in the topology), or else the first that nobody has.
  void keep_one_for_system(const std::vector<unsigned>& wanted_by_node);
  [[nodiscard]] std::optional<unsigned> system_core() const { return system_core_; }

  void take(unsigned cpu, bool is_busy, bool is_io);
  [[nodiscard]] unsigned best(const Wish& wish) const;  // the number of a CPU

  [[nodiscard]] unsigned core_of(unsigned cpu) const { return *topology_.cpus[place_of(cpu)].core; }
  [[nodiscard]] unsigned node_of(unsigned cpu) const { return topology_.cores[core_of(cpu)].node; }
  [[nodiscard]] unsigned threads_on(unsigned cpu) const { return threads_on_cpu_[place_of(cpu)]; }
  [[nodiscard]] unsigned threads_on_core(unsigned core) const { return threads_on_core_[core]; }

  [[nodiscard]] unsigned usable_cores() const;
  [[nodiscard]] unsigned free_cores() const;
  // The cache of a node with the most free cores; none if the node has no usable core.
  [[nodiscard]] std::optional<unsigned> roomiest_cache(unsigned node) const;

 private:
  struct Cost;
  [[nodiscard]] Cost cost(const Cpu& cpu, const Wish& wish) const;
  [[nodiscard]] size_t place_of(unsigned cpu) const;
  [[nodiscard]] bool is_free(unsigned core) const;

  const Topology& topology_;
  std::vector<unsigned> threads_on_cpu_;   // by place in topology_.cpus
  std::vector<unsigned> busy_on_cpu_;      // likewise
  std::vector<unsigned> io_on_cpu_;        // likewise
  std::vector<unsigned> threads_on_core_;  // by core
  std::vector<bool> core_is_usable_;       // by core
  std::optional<unsigned> system_core_;
};

}  // namespace tapedeck::topology
