#include "replay/lane_feeds.h"

#include <algorithm>

namespace tapedeck::replay {

LaneFeeds::LaneFeeds(const tape::TapeReader& tape, LaneShare share, const Selection& selection, size_t batch_bytes,
                     core::File::Mode whole_blocks, const LaneFeed::OnDamage& on_damage) {
  for (size_t i = share.first; i < tape.lanes().size(); i += share.step) {
    feeds_.push_back(
        std::make_unique<LaneFeed>(tape, tape.lanes()[i], selection, batch_bytes, whole_blocks, on_damage));
  }
}

LaneFeed* LaneFeeds::earliest() {
  std::erase_if(feeds_, [](const auto& feed) { return feed->at_end(); });
  if (feeds_.empty()) return nullptr;
  return std::ranges::min_element(feeds_, {}, [](const auto& feed) { return feed->order_time(); })->get();
}

}  // namespace tapedeck::replay
