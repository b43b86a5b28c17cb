// A plan file of any text, and the plan that it makes of a small machine.
#include "engine/topology/discover.h"
#include "engine/topology/plan_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

const topology::Topology& machine() {
  static const topology::Topology kMachine = [] {
    auto described = topology::describe_machine("package:2 numa:1 core:3 pu:2", 2).value();
    described.cpus[11].state = topology::CpuState::kForbidden;
    return described;
  }();
  return kMachine;
}

void plan(const topology::PlanRequest& request) {
  const auto plan = topology::make_plan(machine(), request);
  if (!plan) {
    TD_CHECK(plan.error().code == core::ExitCode::kUsage && !plan.error().message.empty());
    return;
  }
  for (const topology::PlannedThread& thread : topology::threads_of(*plan)) {
    TD_CHECK(machine().find_cpu(thread.place->cpu.value())->state == topology::CpuState::kUsable);
  }
  const auto again = topology::parse_plan(topology::format_plan_file(*plan, request, machine()), "printed");
  TD_CHECK(again.has_value());
  const auto same = topology::make_plan(machine(), *again);
  TD_CHECK(same && same->publishers == plan->publishers && same->subscribers == plan->subscribers);
  TD_CHECK(same->captures == plan->captures && same->workers == plan->workers &&
           same->oversubscribed == plan->oversubscribed);
}

}  // namespace

void run_one(Bytes input) {
  const ByteVector bytes = copy_of(input);
  const auto request = topology::parse_plan(core::as_text(bytes), "input");
  if (request) {
    plan(*request);
  } else {
    TD_CHECK(request.error().code == core::ExitCode::kUsage && !request.error().message.empty());
  }
}

}  // namespace tapedeck::fuzz
