#include "replay/lane_feeds.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace tapedeck::replay {

// The largest lane first, each to the share that has least.
std::vector<LaneShare> deal_lanes(const tape::TapeReader& tape, const Selection& selection, size_t shares) {
  std::vector<const tape::LaneSummary*> lanes;
  for (const tape::LaneContents& lane : tape.lanes()) {
    if (selection.wants(lane.summary.lane)) lanes.push_back(&lane.summary);
  }
  std::ranges::stable_sort(lanes, std::ranges::greater(), &tape::LaneSummary::bytes);
  std::vector<LaneShare> dealt(shares);
  std::vector<uint64_t> bytes(shares);
  for (const tape::LaneSummary* lane : lanes) {
    // Of shares with as many bytes the one with fewer lanes: a tape of empty lanes is dealt evenly too.
    const auto load = [&](size_t i) { return std::pair(bytes[i], dealt[i].size()); };
    size_t least = 0;
    for (size_t i = 1; i < shares; ++i) {
      if (load(i) < load(least)) least = i;
    }
    dealt[least].push_back(lane->lane);
    bytes[least] += lane->bytes;
  }
  for (LaneShare& share : dealt) std::ranges::sort(share);
  return dealt;
}

LaneFeeds::LaneFeeds(const tape::TapeReader& tape, const LaneShare& share, const Selection& selection,
                     size_t batch_bytes, core::File::Mode whole_blocks, const LaneFeed::OnDamage& on_damage) {
  for (const tape::LaneContents& lane : tape.lanes()) {
    if (!std::ranges::binary_search(share, lane.summary.lane)) continue;
    feeds_.push_back(std::make_unique<LaneFeed>(tape, lane, selection, batch_bytes, whole_blocks, on_damage));
  }
}

LaneFeed* LaneFeeds::earliest() {
  std::erase_if(feeds_, [](const auto& feed) { return feed->at_end(); });
  if (feeds_.empty()) return nullptr;
  return std::ranges::min_element(feeds_, {}, [](const auto& feed) { return feed->order_time(); })->get();
}

}  // namespace tapedeck::replay
