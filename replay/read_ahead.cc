#include "replay/read_ahead.h"

namespace tapedeck::replay {

ReadAhead::ReadAhead(const tape::TapeReader& tape, LaneShare lanes, const Selection& selection, size_t batch_bytes,
                     uint32_t passes, core::File::Mode whole_blocks, core::BufferPool& pool, const core::StopFlag& stop)
    : tape_(tape),
      lanes_(std::move(lanes)),
      selection_(selection),
      batch_bytes_(batch_bytes),
      passes_(passes),
      whole_blocks_(whole_blocks),
      pool_(pool),
      stop_(stop) {}

void ReadAhead::run() {
  for (uint32_t pass = 0; passes_ == 0 || pass < passes_; ++pass) {
    if (!run_pass(pass)) break;
  }
  runs_.close();
}

bool ReadAhead::run_pass(uint32_t pass) {
  LaneFeeds feeds(tape_, lanes_, selection_, batch_bytes_, whole_blocks_,
                  [this](const auto& damage) { note_damage(damage); });
  bool sent_any = false;
  while (LaneFeed* feed = feeds.earliest()) {
    Run run;
    run.buffer = core::BufferLease(pool_.acquire(stop_));
    if (!run.buffer) return false;
    run.pass = pass;
    if (!feed->read(run)) continue;  // nothing sound or wanted; the buffer goes back
    sent_any = true;
    if (!runs_.push(std::move(run))) return false;
  }
  return sent_any;  // a pass without records would be repeated for ever
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
