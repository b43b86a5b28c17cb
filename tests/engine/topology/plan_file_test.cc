#include "engine/topology/plan_file.h"

#include <gmock/gmock.h>

#include "tests/engine/topology/machines.h"

namespace tapedeck::topology {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string refused_text(std::string_view text) {
  const auto request = parse_plan(text, "my.toml");
  EXPECT_FALSE(request) << text;
  if (request) return "";
  EXPECT_EQ(request.error().code, core::ExitCode::kUsage);
  return request.error().message;
}

TEST(PlanFile, FixesAnyPart) {
  const auto request = parse_plan(R"(
role = "subscriber"
shards = 3
workers = "auto"
nics = ["eth0", "eth1"]
fifo_priority = 20
worker_cpus = [6, 7]
[machine]
packages = 1
nodes = 1
cores = 8
cpus = 8
[[publisher]]
nic = "eth1"
[[subscriber]]
[[subscriber]]
io = 2
thread = 3
[[capture]]
thread = 5
)",
                                  "my.toml");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->role, Role::kSubscriber);
  EXPECT_EQ(request->shards, 3u);
  EXPECT_EQ(request->workers, std::nullopt);
  EXPECT_THAT(request->nics, ElementsAre("eth0", "eth1"));
  EXPECT_EQ(request->fifo_priority, 20);
  EXPECT_THAT(request->fixed_worker_cpus, ElementsAre(6u, 7u));
  EXPECT_EQ(request->machine, (MachineShape{1, 1, 8, 8}));
  ASSERT_EQ(request->fixed_publishers.size(), 1u);
  EXPECT_EQ(request->fixed_publishers[0].nic, "eth1");
  ASSERT_EQ(request->fixed_subscribers.size(), 2u);
  EXPECT_EQ(request->fixed_subscribers[0].io_cpu, std::nullopt);
  EXPECT_EQ(request->fixed_subscribers[1].thread_cpu, 3u);
  ASSERT_EQ(request->fixed_captures.size(), 1u);
  EXPECT_EQ(request->fixed_captures[0].thread_cpu, 5u);
}

TEST(PlanFile, MayBeEmpty) { EXPECT_TRUE(parse_plan("", "my.toml")); }

TEST(PlanFile, NamesTheLineOfWhatItCannotTake) {
  EXPECT_EQ(refused_text("shards = 2\nwork = 3"), "my.toml:2: nothing is called \"work\" here");
  EXPECT_EQ(refused_text("shards = -1"), "my.toml:1: \"shards\" must be a whole number or \"auto\"");
  EXPECT_EQ(refused_text("shards = 2.5"), "my.toml:1: \"shards\" must be a whole number or \"auto\"");
  EXPECT_EQ(refused_text("shards = 4294967296"), "my.toml:1: \"shards\" must be a whole number or \"auto\"");
  EXPECT_THAT(refused_text("role = \"box\""),
              HasSubstr("\"role\" must be \"publisher\", \"subscriber\", \"both\" or "));
  EXPECT_THAT(refused_text("nics = \"eth0\""), HasSubstr("\"nics\" must be a list of names"));
  EXPECT_THAT(refused_text("nics = [1]"), HasSubstr("\"nics\" must be a list of names"));
  EXPECT_THAT(refused_text("worker_cpus = [1, \"x\"]"), HasSubstr("a list of whole numbers"));
  EXPECT_THAT(refused_text("machine = 1"), HasSubstr("\"machine\" must be a table"));
  EXPECT_EQ(refused_text("[machine]\ncores = true"), "my.toml:2: \"cores\" must be a whole number");
  EXPECT_THAT(refused_text("publisher = [1]"), HasSubstr("\"publisher\" must be [[publisher]]"));
  EXPECT_EQ(refused_text("[[publisher]]\nreader = 1"), "my.toml:2: nothing is called \"reader\" here");
  EXPECT_THAT(refused_text("shards = \n"), StartsWith("my.toml:1: this is no TOML: "));
}

TEST(PlanFile, ThatIsNotThereIsAnError) { EXPECT_FALSE(read_plan_file("/no/such/plan.toml")); }

TEST(PlanFile, OfAPlanGivesTheSamePlanAgain) {
  const Topology topology = machine("package:2 numa:1 l3:2 core:6 pu:2", 3);
  for (const Role role : {Role::kBoth, Role::kCapture}) {
    PlanRequest request;
    request.role = role;
    request.fifo_priority = 5;
    const Plan plan = plan_for(topology, request);
    const auto again = parse_plan(format_plan_file(plan, request, topology), "printed");
    ASSERT_TRUE(again) << again.error().message;
    const Plan replanned = plan_for(topology, *again);
    EXPECT_EQ(replanned.publishers, plan.publishers);
    EXPECT_EQ(replanned.subscribers, plan.subscribers);
    EXPECT_EQ(replanned.captures, plan.captures);
    EXPECT_EQ(replanned.workers, plan.workers);
    EXPECT_EQ(replanned.system_core, plan.system_core);
  }
}

}  // namespace
}  // namespace tapedeck::topology
