#include "replay/read_ahead.h"

#include "replay/ordered_feed.h"

namespace tapedeck::replay {

ReadAhead::ReadAhead(const tape::TapeReader& tape, LaneShare lanes, const Selection& selection, size_t batch_bytes,
                     uint32_t passes, core::File::Mode whole_blocks, Order order, core::BufferPool& pool,
                     const core::StopFlag& stop)
    : tape_(tape),
      lanes_(std::move(lanes)),
      selection_(selection),
      batch_bytes_(batch_bytes),
      passes_(passes),
      whole_blocks_(whole_blocks),
      order_(order),
      pool_(pool),
      stop_(stop) {}

void ReadAhead::run() {
  for (uint32_t pass = 0; passes_ == 0 || pass < passes_; ++pass) {
    if (!run_pass(pass)) break;
  }
  runs_.close();
}

bool ReadAhead::run_pass(uint32_t pass) {
  const LaneFeed::OnDamage on_damage = [this](const auto& damage) { note_damage(damage); };
  if (order_ != Order::kOfRuns) {
    OrderedFeed feed(tape_, selection_, order_ == Order::kOfArrivalByTime, on_damage);
    return push_all(pass, [&feed](Run& run) { return feed.read(run) ? Read::kRun : Read::kEnd; });
  }
  LaneFeeds feeds(tape_, lanes_, selection_, batch_bytes_, whole_blocks_, on_damage);
  return push_all(pass, [&feeds](Run& run) {
    LaneFeed* feed = feeds.earliest();
    if (feed == nullptr) return Read::kEnd;
    return feed->read(run) ? Read::kRun : Read::kNothing;  // nothing sound or wanted; the buffer goes back
  });
}

bool ReadAhead::push_all(uint32_t pass, const std::function<Read(Run&)>& read) {
  bool sent_any = false;
  for (;;) {
    Run run;
    run.buffer = core::BufferLease(pool_.acquire(stop_));
    if (!run.buffer) return false;
    run.pass = pass;
    const Read result = read(run);
    if (result == Read::kEnd) return sent_any;  // a pass without records would be repeated for ever
    if (result == Read::kNothing) continue;
    sent_any = true;
    if (!runs_.push(std::move(run))) return false;
  }
}

void ReadAhead::note_damage(const tape::DamageReport& damage) {
  const std::lock_guard lock(mutex_);
  if (damage_.size() < kDamageKept) damage_.push_back(damage);
}

std::vector<tape::DamageReport> ReadAhead::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

}  // namespace tapedeck::replay
