// Reads what a selection wants of some lanes of a tape, run by run in the order of tape time, pass by pass, into
// buffers that it is given. One thread.
#pragma once

#include <functional>
#include <vector>

#include "replay/lane_feeds.h"

namespace tapedeck::replay {

// How many reports of damage a reader keeps.
inline constexpr size_t kDamageKept = 1000;

// In which order runs are read.
enum class Order {
  kOfRuns,           // large runs, by the time of their first records
  kOfArrival,        // that of the records, exactly (ordered_feed.h)
  kOfArrivalByTime,  // the same, in runs of records that are due together
};

class RunReader {
 public:
  // What readers of the same replay share.
  struct What {
    const tape::TapeReader& tape;
    const Selection& selection;
    size_t batch_bytes;
    core::File::Mode whole_blocks;
    uint32_t passes = 1;  // 0: for ever
    Order order = Order::kOfRuns;
  };
  // Runs in order of arrival are of all lanes, whatever `lanes` says.
  RunReader(const What& what, LaneShare lanes);

  // Fills `run.buffer` with the next run. The end is that of the last pass, or of one that gave no run, as all others
  // would.
  [[nodiscard]] Read read(Run& run);

  [[nodiscard]] const std::vector<tape::DamageReport>& damage() const { return damage_; }

 private:
  void start_pass();

  const What what_;
  const LaneShare lanes_;
  std::function<Read(Run&)> pass_;  // reads the next run of the pass; empty before it begins
  uint32_t passes_ended_ = 0;
  bool pass_gave_run_ = false;
  std::vector<tape::DamageReport> damage_;
};

}  // namespace tapedeck::replay
