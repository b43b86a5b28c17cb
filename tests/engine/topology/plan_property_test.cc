// The rules of a plan, checked over many machines and requests: whatever is given up has been said.
#include <gmock/gmock.h>

#include <map>

#include "tests/engine/topology/machines.h"

namespace tapedeck::topology {
namespace {

bool says(const Plan& plan, std::string_view what) {
  return std::ranges::any_of(plan.warnings,
                             [&](const auto& warning) { return warning.find(what) != std::string::npos; });
}

void check_cores(const Topology& topology, const Plan& plan) {
  std::map<unsigned, unsigned> on_cpu;
  std::map<unsigned, unsigned> on_core;
  for (const PlannedThread& thread : threads_of(plan)) {
    ASSERT_TRUE(thread.place->cpu && thread.place->node) << thread.place->name;
    EXPECT_LE(thread.place->name.size(), 15u);
    ++on_cpu[*thread.place->cpu];
    ++on_core[core_of(topology, *thread.place)];
  }
  const auto is_shared = [](const auto& entry) { return entry.second > 1; };
  EXPECT_EQ(plan.oversubscribed, std::ranges::any_of(on_cpu, is_shared));
  EXPECT_EQ(plan.oversubscribed, says(plan, "OVERSUBSCRIBED"));
  EXPECT_EQ(std::ranges::any_of(on_core, is_shared), says(plan, "OVERSUBSCRIBED") || says(plan, "SMT siblings"));
  if (threads_of(plan).size() > topology.cpus.size()) {
    EXPECT_TRUE(plan.oversubscribed);
  }
  if (topology.cores.size() <= 4) {
    EXPECT_FALSE(plan.system_core);
  } else {
    EXPECT_EQ(on_core.contains(plan.system_core.value()), says(plan, "no core is left to the system"));
  }
}

void check_shards(const Topology& topology, const Plan& plan, const std::vector<ShardPlace>& shards) {
  for (const ShardPlace& shard : shards) {
    if (core_of(topology, shard.io) == core_of(topology, shard.thread)) {
      EXPECT_TRUE(plan.oversubscribed || says(plan, "and its I/O thread share core"));
      EXPECT_GT(threads_of(plan).size(), topology.cores.size());
    }
    const Nic* nic = topology.find_nic(shard.nic);
    for (const ThreadPlace* thread : {&shard.io, &shard.thread}) {
      if (nic != nullptr && thread->cpu && thread->node != nic->node) {
        EXPECT_TRUE(says(plan, thread->name));
      }
    }
  }
}

void check(const std::string& description, unsigned nics, const PlanRequest& request) {
  SCOPED_TRACE(fmt::format("{}, {} NICs, role {}, shards {}, workers {}", description, nics,
                           static_cast<int>(request.role), request.shards.value_or(0), request.workers.value_or(0)));
  const Topology topology = machine(description, nics);
  const Plan plan = plan_for(topology, request);
  if (request.shards && request.role != Role::kSubscriber) {
    EXPECT_EQ(plan.publishers.size(), *request.shards);
  }
  if (request.shards && request.role != Role::kPublisher) {
    EXPECT_EQ(plan.subscribers.size(), *request.shards);
  }
  if (request.workers && request.role != Role::kPublisher) {
    EXPECT_EQ(plan.workers.size(), *request.workers);
  }
  check_cores(topology, plan);
  check_shards(topology, plan, plan.publishers);
  check_shards(topology, plan, plan.subscribers);
}

TEST(PlanProperties, HoldOnManyMachines) {
  for (const unsigned packages : {1u, 2u, 4u}) {
    for (const unsigned caches : {1u, 3u}) {
      for (const unsigned cores : {1u, 2u, 5u, 8u}) {
        for (const unsigned siblings : {1u, 2u}) {
          const auto description =
              fmt::format("package:{} numa:1 l3:{} core:{} pu:{}", packages, caches, cores, siblings);
          for (const unsigned nics : {0u, 1u, 3u}) {
            for (const Role role : {Role::kPublisher, Role::kSubscriber, Role::kBoth}) {
              for (const std::optional<unsigned> shards : {std::optional<unsigned>(), {1}, {4}}) {
                PlanRequest request;
                request.role = role;
                request.shards = shards;
                check(description, nics, request);
                request.workers = 7;
                check(description, nics, request);
              }
            }
          }
        }
      }
    }
  }
}

TEST(PlanProperties, AutomaticPlansAreNeverOversubscribedWhereFiveCoresAreLeft) {
  for (unsigned cores = 7; cores <= 130; ++cores) {
    const Topology topology = machine(fmt::format("core:{} pu:1", cores), cores % 9);
    for (const Role role : {Role::kPublisher, Role::kSubscriber, Role::kBoth, Role::kCapture}) {
      PlanRequest request;
      request.role = role;
      EXPECT_THAT(plan_for(topology, request).warnings, testing::IsEmpty()) << cores;
    }
  }
}

}  // namespace
}  // namespace tapedeck::topology
