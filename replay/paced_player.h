// Sends the records of a shard when they are due, by the replay's tape clock with absolute deadlines. Records that are
// due together go in one slice a lane, so that a replay that falls behind catches up with larger slices; when it is
// later than its limit the clock slips. One thread, which sleeps until the next deadline.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "engine/core/bounded_queue.h"
#include "engine/core/histogram.h"
#include "replay/paced_lane.h"
#include "replay/publisher.h"
#include "replay/tape_clock.h"

namespace tapedeck::replay {

struct Pace {
  core::Nanos start{};  // tape time at which a pass begins
  core::Nanos end{};    // and at which it ends
  int64_t late_limit_ns = 0;
  size_t slice_bytes_max = 0;
};

class PacedPlayer {
 public:
  // `tape_clock` has been started.
  PacedPlayer(const Pace& pace, TapeClock& tape_clock, core::BoundedQueue<Run>& runs, Publisher& publisher,
              const core::StopFlag& stop, const core::Clock& clock);

  // Until the runs are exhausted or the stop flag is set. `keep_house` is called at least each 100 ms, also
  // while runs have to be waited for.
  void run(const std::function<void()>& keep_house);
  // The same for runs of records that are due together: each is sent as it comes.
  void run_in_order(const std::function<void()>& keep_house);

  [[nodiscard]] const core::Histogram& pacing() const { return pacing_; }  // lateness of records, in ns
  [[nodiscard]] std::map<core::Lane, uint64_t> records_lost() const;       // in blocks that do not decompress
  [[nodiscard]] uint32_t passes() const { return passes_; }
  [[nodiscard]] double tape_seconds() const { return tape_seconds_; }  // of tape time that were played

 private:
  [[nodiscard]] bool fetch_runs(const std::function<void()>& keep_house);
  void start_pass(uint32_t pass);
  [[nodiscard]] bool wait_until(int64_t deadline_ns, const std::function<void()>& keep_house);
  [[nodiscard]] bool send_due();
  [[nodiscard]] uint32_t pass() const { return passes_ - 1; }  // that is being played
  [[nodiscard]] int64_t deadline_ns(core::Nanos time) const { return tape_clock_.deadline_ns(pass(), time); }
  [[nodiscard]] const PacedLane* earliest() const;

  const Pace pace_;
  TapeClock& tape_clock_;
  core::BoundedQueue<Run>& runs_;
  Publisher& publisher_;
  const core::StopFlag& stop_;
  const core::Clock& clock_;
  std::map<core::Lane, PacedLane> lanes_;
  std::optional<Run> fetched_;  // the next of runs_, not yet in its lane
  core::Histogram pacing_;
  core::Nanos last_due_{};
  uint32_t passes_ = 0;
  double tape_seconds_ = 0;
};

}  // namespace tapedeck::replay
