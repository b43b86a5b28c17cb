#include "replay/run_reader.h"

#include <memory>

#include "replay/ordered_feed.h"

namespace tapedeck::replay {

RunReader::RunReader(const What& what, LaneShare lanes) : what_(what), lanes_(std::move(lanes)) {}

Read RunReader::read(Run& run) {
  if (!pass_) start_pass();
  run.pass = passes_ended_;
  const Read result = pass_(run);
  pass_gave_run_ |= result == Read::kRun;
  if (result != Read::kEnd) return result;
  ++passes_ended_;
  if (!pass_gave_run_ || passes_ended_ == what_.passes) return Read::kEnd;
  pass_ = nullptr;
  return Read::kNothing;
}

void RunReader::start_pass() {
  pass_gave_run_ = false;
  const LaneFeed::OnDamage on_damage = [this](const tape::DamageReport& damage) {
    if (damage_.size() < kDamageKept) damage_.push_back(damage);
  };
  if (what_.order != Order::kOfRuns) {
    const bool by_time = what_.order == Order::kOfArrivalByTime;
    pass_ = [feed = std::make_shared<OrderedFeed>(what_.tape, what_.selection, by_time, on_damage)](Run& run) {
      return feed->read(run);
    };
    return;
  }
  pass_ = [feeds = std::make_shared<LaneFeeds>(what_.tape, lanes_, what_.selection, what_.batch_bytes,
                                               what_.whole_blocks, on_damage)](Run& run) {
    LaneFeed* const feed = feeds->earliest();
    if (feed == nullptr) return Read::kEnd;
    return feed->read(run) ? Read::kRun : Read::kNothing;
  };
}

}  // namespace tapedeck::replay
