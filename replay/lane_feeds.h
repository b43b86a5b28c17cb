// The runs of several lanes in the order of tape time: the next is always that of the lane whose next run is the
// earliest. One thread. And how the lanes of a tape are dealt to several of these.
#pragma once

#include <memory>
#include <vector>

#include "replay/lane_feed.h"

namespace tapedeck::replay {

// Some of a tape's data lanes, ascending.
using LaneShare = std::vector<core::Lane>;

// Deals the selected lanes to `shares` parts with about as many bytes in each. The same for the same tape and
// selection, wherever it is called. With more shares than lanes some are empty.
[[nodiscard]] std::vector<LaneShare> deal_lanes(const tape::TapeReader& tape, const Selection& selection,
                                                size_t shares);

class LaneFeeds {
 public:
  LaneFeeds(const tape::TapeReader& tape, const LaneShare& share, const Selection& selection, size_t batch_bytes,
            core::File::Mode whole_blocks, const LaneFeed::OnDamage& on_damage);

  // Null at the end of all lanes. The feed has a run to read, or damage to tell.
  [[nodiscard]] LaneFeed* earliest();

 private:
  std::vector<std::unique_ptr<LaneFeed>> feeds_;
};

}  // namespace tapedeck::replay
