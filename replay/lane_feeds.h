// The runs of several lanes in the order of tape time: the next is always that of the lane whose next run is the
// earliest. One thread.
#pragma once

#include <memory>
#include <vector>

#include "replay/lane_feed.h"

namespace tapedeck::replay {

// Which lanes of a tape: every `step`-th of them from `first` on.
struct LaneShare {
  size_t first = 0;
  size_t step = 1;
};

class LaneFeeds {
 public:
  LaneFeeds(const tape::TapeReader& tape, LaneShare share, const Selection& selection, size_t batch_bytes,
            core::File::Mode whole_blocks, const LaneFeed::OnDamage& on_damage);

  // Null at the end of all lanes. The feed has a run to read, or damage to tell.
  [[nodiscard]] LaneFeed* earliest();

 private:
  std::vector<std::unique_ptr<LaneFeed>> feeds_;
};

}  // namespace tapedeck::replay
