#include "engine/topology/plan.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/engine/topology/machines.h"

namespace tapedeck::topology {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PlanRequest ask(Role role, std::optional<unsigned> shards, std::optional<unsigned> workers) {
  PlanRequest request;
  request.role = role;
  request.shards = shards;
  request.workers = workers;
  return request;
}

TEST(Plan, PutsEachShardOfALargeMachineOnTheNodeOfItsNic) {
  const Topology large = machine("package:2 numa:1 l3:4 core:8 pu:1", 4);
  const Plan plan = plan_for(large, ask(Role::kBoth, 4, {}));
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_FALSE(plan.oversubscribed);
  EXPECT_EQ(plan.workers.size(), 64u - 1 - 4 * 4);
  for (const PlannedThread& thread : threads_of(plan)) {
    if (thread.shard) {
      EXPECT_EQ(thread.place->node, *thread.shard % 2) << thread.place->name;
    }
  }
}

TEST(Plan, KeepsTheThreadsOfAPublisherInOneCache) {
  const Topology large = machine("package:2 numa:1 l3:4 core:8 pu:1", 4);
  for (const ShardPlace& shard : plan_for(large, ask(Role::kPublisher, 4, {})).publishers) {
    const unsigned cache = large.cores[core_of(large, shard.thread)].cache;
    EXPECT_EQ(large.cores[core_of(large, shard.io)].cache, cache);
  }
}

TEST(Plan, LeavesOneCoreToTheSystemWhenThereAreMoreThanFour) {
  const Plan four = plan_for(machine("core:4 pu:1", 1), ask(Role::kSubscriber, {}, {}));
  EXPECT_EQ(four.system_core, std::nullopt);
  EXPECT_EQ(four.workers.size(), 2u);
  const Plan five = plan_for(machine("core:5 pu:1", 1), ask(Role::kSubscriber, {}, {}));
  EXPECT_EQ(five.system_core, 0u);
  EXPECT_EQ(five.workers.size(), 2u);
}

TEST(Plan, LeavesACoreOfAnotherNodeToTheSystemWhereTheNicsNodeNeedsAllOfItsOwn) {
  const Topology small_nodes = machine("numa:3 core:2 pu:1", 1);
  const Plan plan = plan_for(small_nodes, ask(Role::kPublisher, 1, {}));
  EXPECT_EQ(plan.system_core, 2u);
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Plan, TakesTheCoreOfTheSystemBeforeTwoThreadsShareOneAndSaysSo) {
  const Plan plan = plan_for(machine("core:6 pu:1", 1), ask(Role::kPublisher, 3, {}));
  EXPECT_FALSE(plan.oversubscribed);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("no core is left to the system")));
}

TEST(Plan, SaysLoudlyWhereThereAreMoreThreadsThanCores) {
  const Plan plan = plan_for(machine("core:2 pu:1", 1), ask(Role::kBoth, 2, 3));
  EXPECT_TRUE(plan.oversubscribed);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("OVERSUBSCRIBED: 11 threads, 2 cores")));
}

TEST(Plan, KeepsAShardAndItsIoThreadApartEvenWhereCoresAreShared) {
  const Topology crowded = machine("core:2 pu:1", 1);
  for (const ShardPlace& shard : plan_for(crowded, ask(Role::kBoth, 3, 1)).publishers) {
    EXPECT_NE(core_of(crowded, shard.io), core_of(crowded, shard.thread));
  }
}

TEST(Plan, UsesSmtSiblingsOnlyWhenCoresRunOutAndNeverForAShardAndItsIoThread) {
  const Topology smt = machine("core:4 pu:2", 1);
  EXPECT_THAT(plan_for(smt, ask(Role::kSubscriber, 1, 2)).warnings, IsEmpty());
  const Plan plan = plan_for(smt, ask(Role::kSubscriber, 2, 3));
  EXPECT_FALSE(plan.oversubscribed);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("7 threads, 4 cores; SMT siblings are in use")));
  for (const ShardPlace& shard : plan.subscribers) EXPECT_NE(core_of(smt, shard.io), core_of(smt, shard.thread));
}

TEST(Plan, SaysThatAShardAndItsIoThreadShareTheOnlyCore) {
  const Plan plan = plan_for(machine("core:1 pu:2", 1), ask(Role::kSubscriber, 1, 1));
  EXPECT_THAT(plan.warnings, testing::Contains(HasSubstr("sub-0 and its I/O thread share core 0")));
}

TEST(Plan, GoesToAnotherNodeWhenThatOfTheNicIsFullAndSaysSo) {
  const Plan plan = plan_for(machine("numa:2 core:2 pu:1", 1), ask(Role::kPublisher, 2, {}));
  EXPECT_THAT(plan.warnings,
              ElementsAre("pub-io-1 and pub-1 not on node 0, where NIC nic0 hangs: its data cross between nodes"));
}

TEST(Plan, MakesOneShardForEachNicButNoMoreThanCoresCarry) {
  EXPECT_EQ(plan_for(machine("core:12 pu:1", 2), ask(Role::kPublisher, {}, {})).publishers.size(), 2u);
  EXPECT_EQ(plan_for(machine("core:12 pu:1", 8), ask(Role::kPublisher, {}, {})).publishers.size(), 5u);
  EXPECT_EQ(plan_for(machine("core:8 pu:1", 8), ask(Role::kSubscriber, {}, 4)).subscribers.size(), 1u);
  EXPECT_EQ(plan_for(machine("core:1 pu:1", 0), ask(Role::kBoth, {}, {})).publishers.size(), 1u);
}

TEST(Plan, WarnsOfAControlGroupThatGivesLessTimeThanTheThreadsWant) {
  Topology limited = machine("core:8 pu:1", 1);
  limited.cpu_quota = 2.5;
  EXPECT_THAT(plan_for(limited, ask(Role::kSubscriber, 1, 2)).warnings, ElementsAre(HasSubstr("the time of 2.5 CPUs")));
}

TEST(Plan, KeepsWhatWasFixedByHandAndPlansTheRest) {
  const Topology eight = machine("core:8 pu:1", 2);
  PlanRequest request = ask(Role::kSubscriber, 2, 2);
  request.fixed_subscribers = {{}, {.nic = "nic0", .io_cpu = 7, .thread_cpu = {}}};
  request.fixed_worker_cpus = {1};
  const Plan plan = plan_for(eight, request);
  EXPECT_EQ(plan.subscribers[1].nic, "nic0");
  EXPECT_EQ(plan.subscribers[1].io.cpu, 7u);
  EXPECT_EQ(plan.workers[0].cpu, 1u);
  EXPECT_FALSE(plan.oversubscribed);
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Plan, AsksForSchedFifoForShardAndIoThreadsOnly) {
  PlanRequest request = ask(Role::kBoth, 1, 1);
  request.fifo_priority = 10;
  const Plan plan = plan_for(machine("core:8 pu:1", 1), request);
  EXPECT_EQ(plan.publishers[0].thread.fifo_priority, 10);
  EXPECT_EQ(plan.subscribers[0].io.fifo_priority, 10);
  EXPECT_EQ(plan.workers[0].fifo_priority, std::nullopt);
  request.fifo_priority = 100;
  EXPECT_THAT(refusal_of(machine("core:8 pu:1", 1), request), HasSubstr("from 1 to 99"));
}

TEST(Plan, PutsThatWhichReadsAndThatWhichWritesACaptureOnCoresOfTheirOwnOnTheNodeOfItsNic) {
  const Topology large = machine("package:2 numa:1 l3:4 core:8 pu:2", 2);
  PlanRequest request = ask(Role::kCapture, {}, {});
  request.nics = {"nic1"};
  const Plan plan = plan_for(large, request);
  EXPECT_THAT(plan.warnings, IsEmpty());
  ASSERT_EQ(threads_of(plan).size(), 2u);
  const ShardPlace& capture = plan.captures.at(0);
  EXPECT_EQ(capture.thread.name, "cap-0");
  EXPECT_EQ(capture.thread.node, 1u);
  EXPECT_EQ(capture.io.name, "cap-io-0");
  EXPECT_EQ(capture.io.node, 1u);
  EXPECT_NE(core_of(large, capture.io), core_of(large, capture.thread));
}

TEST(Plan, OfARoleLeavesAloneWhatIsFixedOfOthers) {
  PlanRequest request = ask(Role::kCapture, 1, {});
  request.fixed_publishers.resize(2);
  request.fixed_captures = {{.nic = {}, .io_cpu = 5, .thread_cpu = 6}};
  const Plan plan = plan_for(machine("core:8 pu:1", 1), request);
  EXPECT_THAT(plan.publishers, IsEmpty());
  EXPECT_EQ(plan.captures.at(0).io.cpu, 5u);
  EXPECT_EQ(plan.captures.at(0).thread.cpu, 6u);
}

TEST(Plan, PutsThreadsForIoTogetherWhereCpusHaveSeveral) {
  for (const unsigned shards : {1u, 2u, 3u}) {
    const Plan plan = plan_for(machine("core:2 pu:1", 1), ask(Role::kBoth, shards, 1));
    for (const PlannedThread& thread : threads_of(plan)) {
      EXPECT_EQ(*thread.place->cpu, thread.role == "io" ? 0u : 1u) << shards << ' ' << thread.place->name;
    }
  }
}

TEST(Plan, GivesEachShardACoreWhereTheCoresGoEvenlyIntoShardsAndWorkers) {
  for (const char* description : {"core:2 pu:1", "core:2 pu:2", "package:2 numa:1 core:1 pu:1"}) {
    const Topology two = machine(description, 2);
    for (const Role role : {Role::kPublisher, Role::kSubscriber, Role::kBoth}) {
      for (const unsigned shards : {2u, 4u}) {
        const Plan plan = plan_for(two, ask(role, shards, {}));
        EXPECT_EQ(plan.workers.size(), role == Role::kPublisher ? 0u : 2u);
        for (const PlannedThread& thread : threads_of(plan)) {
          const unsigned shard = thread.shard.value_or(&*thread.place - plan.workers.data());
          EXPECT_EQ(core_of(two, *thread.place), shard % 2) << description << ' ' << thread.place->name;
        }
      }
    }
  }
}

TEST(Plan, GivesEachShardACoreThoughAllNicsHangOnOneNode) {
  const Topology two = machine("package:2 numa:1 core:1 pu:4", 1);
  const Plan plan = plan_for(two, ask(Role::kBoth, 2, 2));
  EXPECT_NE(core_of(two, plan.publishers.at(0).io), core_of(two, plan.publishers.at(1).io));
}

TEST(Plan, GivesNoShardACoreUnderFifoNorWhereSomethingIsFixedNorOfManyCores) {
  PlanRequest fifo = ask(Role::kBoth, 2, 2);
  fifo.fifo_priority = 10;
  PlanRequest fixed = ask(Role::kBoth, 2, 2);
  fixed.fixed_worker_cpus = {1};
  const Topology two = machine("core:2 pu:1", 1);
  for (const PlanRequest& request : {fifo, fixed}) EXPECT_NE(plan_for(two, request).publishers.at(1).io.cpu, 1u);
  const Plan large = plan_for(machine("core:8 pu:1", 1), ask(Role::kBoth, 8, 8));
  EXPECT_NE(large.publishers.at(0).io.cpu, large.publishers.at(0).thread.cpu);
}

TEST(Plan, GivesNoShardACoreWhereOneWorkerOrAThirdShardWouldMakeOneOfThemBusier) {
  const Topology two = machine("core:2 pu:1", 1);
  EXPECT_NE(plan_for(two, ask(Role::kBoth, 2, 1)).publishers.at(1).io.cpu, 1u);
  EXPECT_NE(plan_for(two, ask(Role::kBoth, 3, 2)).publishers.at(1).io.cpu, 1u);
}

TEST(Plan, SpreadsTheThreadsThatTouchEveryByteWhereCpusHaveSeveral) {
  const Plan plan = plan_for(machine("core:4 pu:1", 1), ask(Role::kBoth, 1, 2));
  // It can be beside the publisher, or beside the subscriber, which looks at envelopes only.
  EXPECT_EQ(plan.workers.at(0).cpu, plan.subscribers.at(0).thread.cpu);
}

TEST(Plan, RefusesZeroOfThingsAndTooManyOfThem) {
  const Topology eight = machine("core:8 pu:1", 1);
  EXPECT_THAT(refusal_of(eight, ask(Role::kBoth, 0, {})), HasSubstr("at least one shard"));
  EXPECT_THAT(refusal_of(eight, ask(Role::kBoth, {}, 0)), HasSubstr("at least one worker"));
  EXPECT_THAT(refusal_of(eight, ask(Role::kBoth, kShardsMax + 1, {})), HasSubstr("257 shards"));
  EXPECT_THAT(refusal_of(eight, ask(Role::kBoth, {}, kWorkersMax + 1)), HasSubstr("4097 workers"));
  PlanRequest more_fixed = ask(Role::kBoth, 1, 1);
  more_fixed.fixed_publishers.resize(2);
  EXPECT_THAT(refusal_of(eight, more_fixed), HasSubstr("fixes 2 shards by hand, but has 1"));
  EXPECT_THAT(refusal_of(eight, ask(Role::kCapture, 2, {})), HasSubstr("a capture is one shard, not 2"));
  PlanRequest more_workers = ask(Role::kBoth, 1, 1);
  more_workers.fixed_worker_cpus = {1, 2};
  EXPECT_THAT(refusal_of(eight, more_workers), HasSubstr("fixes 2 workers by hand, but has 1"));
}

TEST(Plan, RefusesCpusThatAreAbsentOfflineOrForbidden) {
  Topology eight = machine("core:8 pu:1", 1);
  eight.cpus[6].state = CpuState::kForbidden;
  eight.cpus[7] = {7, std::nullopt, CpuState::kOffline};
  PlanRequest request = ask(Role::kSubscriber, 1, 1);
  request.fixed_worker_cpus = {8};
  EXPECT_THAT(refusal_of(eight, request), HasSubstr("CPU 8 of work-0 is not there"));
  request.fixed_worker_cpus = {7};
  EXPECT_THAT(refusal_of(eight, request), HasSubstr("CPU 7 of work-0 is offline"));
  request.fixed_worker_cpus = {6};
  EXPECT_THAT(refusal_of(eight, request), HasSubstr("CPU 6 of work-0 is forbidden"));
}

TEST(Plan, PutsNothingOnCpusThatAreOfflineOrForbidden) {
  Topology eight = machine("core:8 pu:1", 1);
  eight.cpus[0].state = CpuState::kForbidden;
  eight.cpus[7] = {7, std::nullopt, CpuState::kOffline};
  const Plan plan = plan_for(eight, ask(Role::kSubscriber, {}, {}));
  EXPECT_EQ(plan.system_core, 1u);
  EXPECT_EQ(plan.workers.size(), 3u);
  for (const PlannedThread& thread : threads_of(plan)) {
    EXPECT_EQ(eight.find_cpu(*thread.place->cpu)->state, CpuState::kUsable);
  }
}

TEST(Plan, RefusesAMachineWithoutAUsableCpu) {
  Topology one = machine("core:1 pu:1", 1);
  one.cpus[0].state = CpuState::kForbidden;
  EXPECT_THAT(refusal_of(one, {}), HasSubstr("no CPU that may be used"));
}

TEST(Plan, RefusesNicsThatAreNotThere) {
  const Topology two_nics = machine("core:8 pu:1", 2);
  PlanRequest request;
  request.nics = {"nic1", "eth7"};
  EXPECT_THAT(refusal_of(two_nics, request), HasSubstr("NIC eth7 is not there: core:8 pu:1 has nic0, nic1"));
  request.nics = {};
  request.fixed_publishers = {{.nic = "eth8", .io_cpu = {}, .thread_cpu = {}}};
  EXPECT_THAT(refusal_of(two_nics, request), HasSubstr("NIC eth8 is not there"));
}

TEST(Plan, RefusesAPlanForAnotherMachine) {
  PlanRequest request;
  request.machine = shape_of(machine("package:2 core:8 pu:1", 1));
  EXPECT_THAT(refusal_of(machine("core:8 pu:1", 1), request), HasSubstr("is for another machine, of 2 packages"));
}

TEST(UsableNics, AreThoseThatAreUpAndHaveAnAddressAndVirtualOnesOnlyWithoutOthers) {
  Topology here;
  here.is_this_machine = true;
  const auto add = [&](const char* name, bool up, bool loopback, bool hardware, bool address) {
    Nic& nic = here.nics.emplace_back();
    nic.name = name;
    nic.up = up;
    nic.loopback = loopback;
    nic.hardware = hardware;
    if (address) nic.addresses = {"192.0.2.1"};
  };
  add("lo", true, true, false, true);
  add("veth0", true, false, false, true);
  EXPECT_EQ(usable_nics(here).at(0)->name, "veth0");
  add("down", false, false, true, true);
  add("member-of-a-bond", true, false, true, false);
  add("eth0", true, false, true, true);
  ASSERT_EQ(usable_nics(here).size(), 1u);
  EXPECT_EQ(usable_nics(here).at(0)->name, "eth0");
}

}  // namespace
}  // namespace tapedeck::topology
