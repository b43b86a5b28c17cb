// The placement plan: which CPU each thread of a replay, of a Black Box and of a capture runs on. make_plan is a pure
// function of a topology and a request, so a plan can be made before the first thread starts, printed, and computed for
// a machine that is not there. The rules, the stronger first: no CPU twice; a shard's own thread and its I/O thread
// share no core; one core is left to the system when there are more than four; a shard is on the node of its NIC; no
// core twice; where CPUs have several threads, those for I/O share CPUs, for what one of them sends another may
// receive, and those that touch every byte are spread; the threads of a shard share a cache. Workers put a core of
// their own before a node. Where four cores or fewer go evenly into shards and workers, each shard has all its threads
// on one core instead, out of whose caches they read what another has written. A rule gives way only where nothing
// else is left, and then the plan says so in `warnings`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/topology/topology.h"

namespace tapedeck::topology {

inline constexpr unsigned kShardsMax = 256;
inline constexpr unsigned kWorkersMax = 4096;

// Where one thread is to run. A default one is free to run anywhere.
struct ThreadPlace {
  std::string name;                  // "pub-0", as `top -H` shows it; at most 15 bytes. Empty: leave as it is
  std::optional<unsigned> cpu;       // the system's number
  std::optional<unsigned> node;      // that its memory is taken from
  std::optional<int> fifo_priority;  // 1 to 99: run under SCHED_FIFO

  bool operator==(const ThreadPlace&) const = default;
};

// A shard, or a capture, which is one by itself.
struct ShardPlace {
  std::string nic;     // empty: any
  ThreadPlace io;      // "pub-io-0": ZeroMQ's, of the shard's context. "cap-io-0": seals and writes a capture's blocks
  ThreadPlace thread;  // "pub-0" or "sub-0". "cap-0": reads and decodes what is captured

  bool operator==(const ShardPlace&) const = default;
};

struct Plan {
  std::vector<ShardPlace> publishers;   // by shard; empty on a box that publishes nothing
  std::vector<ShardPlace> subscribers;  // by shard; empty on a box that receives nothing
  std::vector<ShardPlace> captures;     // one on a box that captures
  std::vector<ThreadPlace> workers;     // "work-0"; as subscribers
  std::optional<unsigned> system_core;  // that is left to the system
  bool oversubscribed = false;          // a CPU has more than one of these threads: nobody may spin
  std::vector<std::string> warnings;    // sentences
};

// A thread of a plan, with what it does: "io", "publisher", "subscriber", "capture" or "worker".
struct PlannedThread {
  const ThreadPlace* place;
  std::string_view role;
  std::optional<unsigned> shard;
  std::string_view nic;  // of its shard; empty: any
};
// Shard by shard, publishers first, then subscribers and captures, then the workers. Points into `plan`.
[[nodiscard]] std::vector<PlannedThread> threads_of(const Plan& plan);

enum class Role {
  kPublisher,
  kSubscriber,
  kBoth,     // of these two: each of two programs on one box can take its part of the same plan
  kCapture,  // one capture, of one shard
};

// What somebody fixed by hand of one shard; the rest is planned.
struct FixedShard {
  std::optional<std::string> nic;
  std::optional<unsigned> io_cpu;
  std::optional<unsigned> thread_cpu;
};

// The machine that a plan was written for.
struct MachineShape {
  unsigned packages = 0;
  unsigned nodes = 0;
  unsigned cores = 0;
  unsigned cpus = 0;

  bool operator==(const MachineShape&) const = default;
};
[[nodiscard]] MachineShape shape_of(const Topology& topology);

struct PlanRequest {
  Role role = Role::kBoth;
  std::optional<unsigned> shards;             // none: one for each NIC, fewer where cores do not suffice
  std::optional<unsigned> workers;            // none: one on each core that remains, or on each if each has a shard
  std::vector<std::string> nics;              // in the order of shards. Empty: those that are up and have an address
  std::optional<int> fifo_priority;           // of I/O and shard threads. None: the ordinary scheduling
  std::optional<MachineShape> machine;        // none: any
  std::vector<FixedShard> fixed_publishers;   // of the first shards
  std::vector<FixedShard> fixed_subscribers;  // the same
  std::vector<FixedShard> fixed_captures;     // one at most
  std::vector<unsigned> fixed_worker_cpus;    // of the first workers
};

// Those that are up and, on this machine, have an address and are not loopback; virtual ones only where there are no
// others.
[[nodiscard]] std::vector<const Nic*> usable_nics(const Topology& topology);

// What concerns a role that the box does not have is left alone. Fails (kUsage) where the request asks for what cannot
// be: nothing to run, a plan for another machine, a CPU that is not there, offline or forbidden, a NIC that is not
// there.
[[nodiscard]] core::Result<Plan> make_plan(const Topology& topology, const PlanRequest& request);

}  // namespace tapedeck::topology
