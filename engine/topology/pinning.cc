#include "engine/topology/pinning.h"

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <thread>

#include "engine/core/file.h"

namespace tapedeck::topology {
namespace {

constexpr unsigned kPinnableCpus = 1u << 16;
constexpr unsigned kNodesMax = 1024;  // of Linux
constexpr unsigned kLongBits = sizeof(unsigned long) * CHAR_BIT;

// All of these give 0 or an error number.
int run_on(unsigned cpu) {
  if (cpu >= kPinnableCpus) return EINVAL;
  std::vector<unsigned long> mask(cpu / kLongBits + 1);
  mask.back() = 1ul << (cpu % kLongBits);
  return sched_setaffinity(0, mask.size() * sizeof(unsigned long), reinterpret_cast<const cpu_set_t*>(mask.data())) == 0
             ? 0
             : errno;
}

int take_memory_of(unsigned node) {
  if (node >= kNodesMax) return EINVAL;
  std::array<unsigned long, kNodesMax / kLongBits> mask{};
  mask.at(node / kLongBits) = 1ul << (node % kLongBits);
  // The kernel takes the number of bits plus one.
  return syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask.data(), kNodesMax + 1) == 0 ? 0 : errno;
}

int run_fifo(int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
}

// What could be done of a place, and a sentence for each part that could not.
Feasible settle(const ThreadPlace& place) {
  Feasible done{place, {}};
  const auto without = [&](const std::string& what, int error, const char* hint) {
    done.problems.push_back(fmt::format("thread {} {}: {}; it goes on without; {}",
                                        place.name.empty() ? "?" : place.name, what, core::system_error(error), hint));
  };
  if (!place.name.empty() && pthread_setname_np(pthread_self(), place.name.c_str()) != 0) {
    done.problems.push_back(fmt::format("\"{}\" is longer than the 15 bytes of a thread's name", place.name));
    done.place.name.clear();
  }
  if (const int error = place.cpu ? run_on(*place.cpu) : 0; error != 0) {
    without(fmt::format("cannot run on CPU {}", *place.cpu), error, "see `taskset -cp $$` and `tapedeck plan`");
    done.place.cpu.reset();
  }
  if (const int error = place.node ? take_memory_of(*place.node) : 0; error != 0) {
    without(fmt::format("cannot ask for memory of node {}", *place.node), error, "see `numactl --show`");
    done.place.node.reset();
  }
  if (const int error = place.fifo_priority ? run_fifo(*place.fifo_priority) : 0; error != 0) {
    without(fmt::format("cannot have SCHED_FIFO priority {}", *place.fifo_priority), error, "see `ulimit -r`");
    done.place.fifo_priority.reset();
  }
  return done;
}

}  // namespace

std::vector<std::string> take_place(const ThreadPlace& place) { return settle(place).problems; }

void take_turns() {
  const sched_param parameters{};
  if (sched_getscheduler(0) == SCHED_OTHER) sched_setscheduler(0, SCHED_BATCH, &parameters);
}

Feasible feasible_part_of(const ThreadPlace& place) {
  Feasible feasible;
  std::thread([&] { feasible = settle(place); }).join();
  return feasible;
}

}  // namespace tapedeck::topology
