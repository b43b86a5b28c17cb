#include "engine/topology/pinning.h"

#include <gmock/gmock.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "engine/topology/discover.h"
#include "tests/engine/topology/thread_facts.h"

namespace tapedeck::topology {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Settled {
  std::vector<std::string> problems;
  ThreadFacts facts;
  int memory_policy = -1;
};

Settled settle_a_thread(const ThreadPlace& place) {
  Settled settled;
  std::thread([&] {
    settled.problems = take_place(place);
    settled.facts = facts_of_this_thread();
    syscall(SYS_get_mempolicy, &settled.memory_policy, nullptr, 0, nullptr, 0);
  }).join();
  return settled;
}

std::vector<Cpu> usable_cpus() {
  std::vector<Cpu> cpus = discover_this_machine().value_or(Topology{}).cpus;
  std::erase_if(cpus, [](const Cpu& cpu) { return cpu.state != CpuState::kUsable; });
  return cpus;
}

TEST(Pinning, ThreadsRunOnTheirCpusUnderTheirNames) {
  for (const Cpu& cpu : usable_cpus()) {
    ThreadPlace place;
    place.name = fmt::format("work-{}", cpu.number);
    place.cpu = cpu.number;
    const Settled settled = settle_a_thread(place);
    EXPECT_THAT(settled.problems, IsEmpty());
    EXPECT_EQ(settled.facts.name, place.name);
    EXPECT_EQ(settled.facts.cpus_allowed, std::to_string(cpu.number));
    EXPECT_EQ(settled.facts.cpu, cpu.number);
  }
}

TEST(Pinning, LeavesAsItIsWhatAPlaceDoesNotSay) {
  const ThreadFacts before = facts_of_this_thread();
  const Settled settled = settle_a_thread({});
  EXPECT_THAT(settled.problems, IsEmpty());
  EXPECT_EQ(settled.facts.name, before.name);
  EXPECT_EQ(settled.facts.cpus_allowed, before.cpus_allowed);
  EXPECT_EQ(settled.facts.policy, before.policy);
}

TEST(Pinning, TakesMemoryOfItsNodeOrSaysThatItMayNot) {
  ThreadPlace place;
  place.node = discover_this_machine().value_or(Topology{}).nodes.at(0).number;
  const Settled settled = settle_a_thread(place);
  if (settled.problems.empty()) {
    EXPECT_EQ(settled.memory_policy, MPOL_PREFERRED);
  } else {
    EXPECT_THAT(settled.problems, ElementsAre(HasSubstr("cannot ask for memory of node")));
  }
}

TEST(Pinning, RunsUnderSchedFifoOrSaysThatItMayNot) {
  ThreadPlace place;
  place.name = "sub-0";
  place.fifo_priority = 7;
  const Settled settled = settle_a_thread(place);
  if (settled.problems.empty()) {
    EXPECT_EQ(settled.facts.policy, SCHED_FIFO);
    EXPECT_EQ(settled.facts.rt_priority, 7);
  } else {
    EXPECT_THAT(settled.problems, ElementsAre(HasSubstr("thread sub-0 cannot have SCHED_FIFO priority 7")));
    EXPECT_EQ(settled.facts.policy, SCHED_OTHER);
  }
}

TEST(Pinning, SaysWhatCouldNotBeDoneAndDoesTheRest) {
  ThreadPlace place;
  place.name = "pub-0";
  for (const unsigned cpu : {9'999u, 4'000'000'000u}) {
    place.cpu = cpu;
    place.node = 1u << 20;
    place.fifo_priority = 1'000;
    const Settled settled = settle_a_thread(place);
    EXPECT_THAT(settled.problems, ElementsAre(HasSubstr(fmt::format("thread pub-0 cannot run on CPU {}", cpu)),
                                              HasSubstr("memory of node 1048576"), HasSubstr("priority 1000")));
    EXPECT_EQ(settled.facts.name, "pub-0");
    EXPECT_EQ(settled.facts.cpus_allowed, facts_of_this_thread().cpus_allowed);
  }
}

TEST(Pinning, SaysThatANameIsTooLong) {
  ThreadPlace place;
  place.name = "sixteen-bytes-xx";
  EXPECT_THAT(settle_a_thread(place).problems, ElementsAre(HasSubstr("longer than the 15 bytes")));
}

TEST(Pinning, TellsWhatOthersCouldTakeWithoutTouchingTheCaller) {
  const ThreadFacts before = facts_of_this_thread();
  ThreadPlace place;
  place.name = "pub-io-0";
  place.cpu = usable_cpus().at(0).number;
  place.node = 1u << 20;
  const Feasible feasible = feasible_part_of(place);
  EXPECT_EQ(feasible.place.cpu, place.cpu);
  EXPECT_EQ(feasible.place.node, std::nullopt);
  EXPECT_EQ(feasible.problems.size(), 1u);
  EXPECT_EQ(facts_of_this_thread().name, before.name);
  EXPECT_EQ(facts_of_this_thread().cpus_allowed, before.cpus_allowed);
}

TEST(Pinning, ThreadsThatTakeTurnsAreOfTheBatchAndSoAreThoseTheyStart) {
  int own = -1;
  int of_child = -1;
  std::thread([&] {
    take_turns();
    own = sched_getscheduler(0);
    std::thread([&] { of_child = sched_getscheduler(0); }).join();
  }).join();
  EXPECT_EQ(own, SCHED_BATCH);
  EXPECT_EQ(of_child, SCHED_BATCH);
}

TEST(Pinning, WhoHasASchedulingOfItsOwnKeepsItWhenTurnsAreTaken) {
  int kept = -1;
  std::thread([&] {
    const sched_param parameters{};
    sched_setscheduler(0, SCHED_IDLE, &parameters);
    take_turns();
    kept = sched_getscheduler(0);
  }).join();
  EXPECT_EQ(kept, SCHED_IDLE);
}

}  // namespace
}  // namespace tapedeck::topology
