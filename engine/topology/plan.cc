#include "engine/topology/plan.h"

#include <algorithm>
#include <iterator>

#include "engine/topology/occupancy.h"
#include "engine/topology/plan_check.h"
#include "engine/topology/plan_warnings.h"

namespace tapedeck::topology {
namespace {

constexpr unsigned kCoresToSpareOne = 4;  // a machine with more leaves one to the system
constexpr unsigned kShardThreads = 2;     // its own and its I/O thread, on either side

// Whether a thread touches every byte. Those that receive look at an envelope for each run.
bool is_busy(std::string_view role) { return role != "subscriber"; }
bool is_io(std::string_view role) { return role == "io"; }

class Planner {
 public:
  Planner(const Topology& topology, const PlanRequest& request, std::vector<std::string> nics)
      : topology_(topology), request_(request), nics_(std::move(nics)), occupancy_(topology) {}

  Plan make() {
    name_shards();
    take_fixed();
    is_core_by_core_ = is_core_by_core();
    if (occupancy_.usable_cores() > kCoresToSpareOne) occupancy_.keep_one_for_system(wanted_by_node());
    plan_.system_core = occupancy_.system_core();
    place_pairs(plan_.publishers, is_busy("publisher"));
    place_pairs(plan_.subscribers, is_busy("subscriber"));
    place_pairs(plan_.captures, is_busy("capture"));
    if (has_subscribers()) place_workers();
    finish();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool has_publishers() const {
    return request_.role == Role::kPublisher || request_.role == Role::kBoth;
  }
  [[nodiscard]] bool has_subscribers() const {
    return request_.role == Role::kSubscriber || request_.role == Role::kBoth;
  }

  // As many shards as there are NICs, or as many as find cores with at least one worker beside them.
  [[nodiscard]] unsigned count_shards() const {
    if (request_.shards) return *request_.shards;
    if (const size_t fixed = fixed_shards(request_); fixed > 0) return static_cast<unsigned>(fixed);
    const unsigned cores = occupancy_.usable_cores();
    const unsigned workers =
        has_subscribers()
            ? request_.workers.value_or(std::max(1u, static_cast<unsigned>(request_.fixed_worker_cpus.size())))
            : 0;
    const unsigned others = workers + (cores > kCoresToSpareOne ? 1 : 0);
    const unsigned of_shard = (has_publishers() ? kShardThreads : 0) + (has_subscribers() ? kShardThreads : 0);
    const unsigned carried = cores > others ? (cores - others) / of_shard : 0;
    return std::max(1u, std::min(static_cast<unsigned>(nics_.size()), carried));
  }

  void name_shards() {
    if (request_.role == Role::kCapture) {
      plan_.captures.push_back(make_shard(0, "cap", request_.fixed_captures));
      return;
    }
    const unsigned shards = count_shards();
    for (unsigned i = 0; i < shards; ++i) {
      if (has_publishers()) plan_.publishers.push_back(make_shard(i, "pub", request_.fixed_publishers));
      if (has_subscribers()) plan_.subscribers.push_back(make_shard(i, "sub", request_.fixed_subscribers));
    }
  }

  // Whether each shard gets a core for all its threads: where few cores go evenly into shards and workers, so that they
  // have to be shared anyway. What one thread has written is then in the caches of the next. Not where something is
  // fixed by hand, nor under SCHED_FIFO, which would keep a worker waiting for all the threads of its core.
  [[nodiscard]] bool is_core_by_core() const {
    const size_t shards = std::max(plan_.publishers.size(), plan_.subscribers.size());
    const unsigned cores = occupancy_.usable_cores();
    const auto go_into = [cores](size_t count) { return count > 0 && count % cores == 0; };
    const bool any_fixed =
        !request_.fixed_worker_cpus.empty() || std::ranges::any_of(threads_of(plan_), [](const PlannedThread& thread) {
          return thread.place->cpu.has_value();
        });
    return cores <= kCoresToSpareOne && go_into(shards) && !any_fixed && !request_.fifo_priority &&
           (!has_subscribers() || go_into(request_.workers.value_or(cores)));
  }

  [[nodiscard]] ShardPlace make_shard(unsigned number, std::string_view kind,
                                      const std::vector<FixedShard>& all_fixed) const {
    const FixedShard fixed = number < all_fixed.size() ? all_fixed[number] : FixedShard{};
    ShardPlace shard;
    if (!nics_.empty()) shard.nic = nics_[number % nics_.size()];
    shard.nic = fixed.nic.value_or(shard.nic);
    shard.io = {fmt::format("{}-io-{}", kind, number), fixed.io_cpu, {}, request_.fifo_priority};
    shard.thread = {fmt::format("{}-{}", kind, number), fixed.thread_cpu, {}, request_.fifo_priority};
    return shard;
  }

  void take_fixed() {
    for (const PlannedThread& thread : threads_of(plan_)) {
      if (thread.place->cpu) occupancy_.take(*thread.place->cpu, is_busy(thread.role), is_io(thread.role));
    }
    if (!has_subscribers()) return;
    for (const unsigned cpu : request_.fixed_worker_cpus) occupancy_.take(cpu, true, false);
  }

  // The node of its NIC, or, where nobody knows that, the nodes in turn. Gives the node's place in the topology.
  [[nodiscard]] size_t home_of(const ShardPlace& shard, unsigned number) const {
    const Nic* nic = topology_.find_nic(shard.nic);
    const Node* node = nic != nullptr && nic->node ? topology_.find_node(*nic->node) : nullptr;
    return node != nullptr ? static_cast<size_t>(node - topology_.nodes.data()) : number % topology_.nodes.size();
  }

  [[nodiscard]] std::vector<unsigned> wanted_by_node() const {
    std::vector<unsigned> wanted(topology_.nodes.size());
    const auto add = [&](const std::vector<ShardPlace>& shards) {
      for (unsigned i = 0; i < shards.size(); ++i) {
        for (const ThreadPlace* thread : {&shards[i].io, &shards[i].thread}) {
          if (!thread->cpu) ++wanted[home_of(shards[i], i)];
        }
      }
    };
    add(plan_.publishers);
    add(plan_.subscribers);
    add(plan_.captures);
    return wanted;
  }

  void place(ThreadPlace& thread, const Wish& wish) {
    if (thread.cpu) return;
    thread.cpu = occupancy_.best(wish);
    occupancy_.take(*thread.cpu, wish.is_busy, wish.is_io);
  }

  void place_pairs(std::vector<ShardPlace>& shards, bool thread_is_busy) {
    for (unsigned i = 0; i < shards.size(); ++i) place_pair(shards[i], i, thread_is_busy);
  }

  void place_pair(ShardPlace& shard, unsigned number, bool thread_is_busy) {
    Wish wish;
    wish.node = topology_.nodes[home_of(shard, number)].number;
    wish.cache = occupancy_.roomiest_cache(*wish.node);
    if (shard.thread.cpu) wish.other_core_than = occupancy_.core_of(*shard.thread.cpu);
    wish.is_io = true;
    if (is_core_by_core_) {
      wish.own_core_before_near = true;
      if (number < plan_.publishers.size()) wish.core = core_of_publisher(number);
    }
    place(shard.io, wish);
    wish.is_io = false;
    const unsigned core = occupancy_.core_of(*shard.io.cpu);
    (is_core_by_core_ ? wish.core : wish.other_core_than) = core;
    wish.is_busy = thread_is_busy;
    place(shard.thread, wish);
  }

  // None before it is placed: then it is the publisher itself that asks.
  [[nodiscard]] std::optional<unsigned> core_of_publisher(unsigned number) const {
    const std::optional<unsigned>& cpu = plan_.publishers[number].io.cpu;
    return cpu ? std::optional(occupancy_.core_of(*cpu)) : std::nullopt;
  }

  // The wish of a thread that works with a shard whose own thread is placed.
  [[nodiscard]] Wish near(const ShardPlace& shard) const {
    const unsigned number = occupancy_.core_of(*shard.thread.cpu);
    const Core& core = topology_.cores[number];
    Wish wish;
    if (is_core_by_core_) wish.core = number;
    wish.node = core.node;
    wish.cache = core.cache;
    return wish;
  }

  void place_workers() {
    const auto fixed = static_cast<unsigned>(request_.fixed_worker_cpus.size());
    const unsigned automatic = is_core_by_core_ ? occupancy_.usable_cores() : occupancy_.free_cores();
    const unsigned count = request_.workers.value_or(std::max(1u, fixed > 0 ? fixed : automatic));
    for (unsigned i = 0; i < count; ++i) {
      ThreadPlace& worker = plan_.workers.emplace_back();
      worker.name = fmt::format("work-{}", i);
      if (i < fixed) worker.cpu = request_.fixed_worker_cpus[i];
      Wish wish = near(plan_.subscribers[i % plan_.subscribers.size()]);
      wish.own_core_before_near = true;
      place(worker, wish);
    }
  }

  void finish() {
    const auto set_node = [&](ThreadPlace& thread) { thread.node = occupancy_.node_of(*thread.cpu); };
    for (auto* shards : {&plan_.publishers, &plan_.subscribers, &plan_.captures}) {
      for (ShardPlace& shard : *shards) {
        set_node(shard.io);
        set_node(shard.thread);
      }
    }
    for (ThreadPlace& worker : plan_.workers) set_node(worker);
    const auto threads = threads_of(plan_);
    plan_.oversubscribed = std::any_of(threads.begin(), threads.end(), [&](const PlannedThread& thread) {
      return occupancy_.threads_on(*thread.place->cpu) > 1;
    });
    plan_.warnings = warnings_of(plan_, topology_, occupancy_);
  }

  const Topology& topology_;
  const PlanRequest& request_;
  const std::vector<std::string> nics_;
  Occupancy occupancy_;
  bool is_core_by_core_ = false;
  Plan plan_;
};

std::vector<std::string> choose_nics(const Topology& topology, const PlanRequest& request) {
  if (!request.nics.empty()) return request.nics;
  std::vector<std::string> names;
  for (const Nic* nic : usable_nics(topology)) names.push_back(nic->name);
  return names;
}

}  // namespace

std::vector<PlannedThread> threads_of(const Plan& plan) {
  std::vector<PlannedThread> threads;
  const auto add = [&threads](const std::vector<ShardPlace>& shards, std::string_view role) {
    for (unsigned i = 0; i < shards.size(); ++i) {
      threads.push_back({&shards[i].io, "io", i, shards[i].nic});
      threads.push_back({&shards[i].thread, role, i, shards[i].nic});
    }
  };
  add(plan.publishers, "publisher");
  add(plan.subscribers, "subscriber");
  add(plan.captures, "capture");
  for (const ThreadPlace& worker : plan.workers) threads.push_back({&worker, "worker", {}, {}});
  return threads;
}

MachineShape shape_of(const Topology& topology) {
  return {topology.packages, static_cast<unsigned>(topology.nodes.size()), static_cast<unsigned>(topology.cores.size()),
          static_cast<unsigned>(topology.cpus.size())};
}

std::vector<const Nic*> usable_nics(const Topology& topology) {
  std::vector<const Nic*> nics;
  for (const Nic& nic : topology.nics) {
    if (nic.up && !nic.loopback && (!topology.is_this_machine || !nic.addresses.empty())) nics.push_back(&nic);
  }
  const auto is_hardware = [](const Nic* nic) { return nic->hardware; };
  if (std::any_of(nics.begin(), nics.end(), is_hardware)) {
    nics.erase(std::remove_if(nics.begin(), nics.end(), std::not_fn(is_hardware)), nics.end());
  }
  return nics;
}

core::Result<Plan> make_plan(const Topology& topology, const PlanRequest& request) {
  TD_TRY(check_request(topology, request));
  return Planner(topology, request, choose_nics(topology, request)).make();
}

}  // namespace tapedeck::topology
