// Puts threads where a plan wants them. What cannot be done (no permission, a control group, a CPU that went offline)
// comes back as sentences to be reported, and the thread goes on without it. Cold: call it before the work begins.
#pragma once

#include <string>
#include <vector>

#include "engine/topology/plan.h"

namespace tapedeck::topology {

// Gives the calling thread its name, CPU, memory and scheduling. Threads that it starts afterwards inherit all of it,
// except the name, until they take places of their own.
[[nodiscard]] std::vector<std::string> take_place(const ThreadPlace& place);

// For work of which throughput counts and not delay: when the calling thread wakes up, and those that it starts from
// now on, they do not interrupt what runs on a CPU (SCHED_BATCH). Whoever was given a scheduling of its own keeps it.
void take_turns();

// How much of a place a thread of this process could take: for threads that somebody else starts, and who would abort
// over the rest. Tries it in a thread of its own.
struct Feasible {
  ThreadPlace place;
  std::vector<std::string> problems;
};
[[nodiscard]] Feasible feasible_part_of(const ThreadPlace& place);

}  // namespace tapedeck::topology
