// Machines that tests plan for.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/topology/discover.h"
#include "engine/topology/plan.h"

namespace tapedeck::topology {

inline Topology machine(const std::string& synthetic, unsigned nics) {
  auto described = describe_machine(synthetic, nics);
  EXPECT_TRUE(described) << described.error().message;
  return described.value_or(Topology{});
}

inline Plan plan_for(const Topology& topology, const PlanRequest& request) {
  auto plan = make_plan(topology, request);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(Plan{});
}

inline std::string refusal_of(const Topology& topology, const PlanRequest& request) {
  const auto plan = make_plan(topology, request);
  EXPECT_FALSE(plan);
  if (plan) return "";
  EXPECT_EQ(plan.error().code, core::ExitCode::kUsage);
  return plan.error().message;
}

inline unsigned core_of(const Topology& topology, const ThreadPlace& thread) {
  return topology.find_cpu(thread.cpu.value())->core.value();
}

}  // namespace tapedeck::topology
