// Plans for machines that we do not have, as plan files: a change of the rules shows here. With UPDATE_GOLDEN in the
// environment they are written anew.
#include <cstdlib>
#include <fstream>

#include "engine/core/file.h"
#include "engine/topology/plan_file.h"
#include "tests/engine/topology/machines.h"

namespace tapedeck::topology {
namespace {

void expect_golden(const std::string& name, const std::string& description, unsigned nics, const PlanRequest& request) {
  const Topology topology = machine(description, nics);
  const std::string plan = format_plan_file(plan_for(topology, request), request, topology) + "\n";
  const std::string path = fmt::format("{}/{}.toml", GOLDEN_DIR, name);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << plan;
  EXPECT_EQ(core::read_text_file(path).value_or(""), plan);
}

PlanRequest ask(Role role, std::optional<unsigned> shards) {
  PlanRequest request;
  request.role = role;
  request.shards = shards;
  return request;
}

TEST(PlanGolden, TwoPackagesOf32Cores) {
  expect_golden("two-packages-64", "package:2 numa:1 l3:4 core:8 pu:1", 4, ask(Role::kBoth, 4));
}

TEST(PlanGolden, AnEightCoreSubscriberWithTwoNics) {
  expect_golden("subscriber-8", "core:8 pu:1", 2, ask(Role::kSubscriber, {}));
}

TEST(PlanGolden, ATwelveCorePublisherWithTwoNics) {
  expect_golden("publisher-12", "core:12 pu:1", 2, ask(Role::kPublisher, {}));
}

TEST(PlanGolden, AnEightyCoreSubscriber) {
  expect_golden("subscriber-80", "package:2 numa:1 l3:5 core:8 pu:2", 4, ask(Role::kSubscriber, {}));
}

TEST(PlanGolden, A120CorePublisher) {
  expect_golden("publisher-120", "package:2 numa:2 l3:3 core:10 pu:2", 8, ask(Role::kPublisher, {}));
}

}  // namespace
}  // namespace tapedeck::topology
