#include "replay/ordered_feed.h"

#include <algorithm>

namespace tapedeck::replay {

OrderedFeed::OrderedFeed(const tape::TapeReader& tape, const Selection& selection, bool one_time,
                         const LaneFeed::OnDamage& on_damage)
    : selection_(selection), one_time_(one_time), merge_(tape, on_damage) {}

void OrderedFeed::fetch() {
  item_.reset();
  for (size_t i = 0; i < kWalkMax; ++i) {
    const auto next = merge_.next();
    at_end_ = !next;
    if (at_end_) return;
    if (!selection_.wants(next->lane) || !selection_.wants(next->record)) continue;
    item_.emplace(*next);
    due_ = std::max(due_, next->record.capture_time());
    return;
  }
}

bool OrderedFeed::belongs_to(const Run& run, const SliceBuilder& slice) const {
  return item_->lane == run.lane && has_source_time(item_->block) == has_source_time(slice.header()) &&
         slice.records_bytes() + item_->record.bytes().size() <= kSliceBytesMax &&
         (!one_time_ || due_ == run.order_time);
}

Read OrderedFeed::read(Run& run) {
  if (!item_ && !at_end_) fetch();
  if (!item_) return at_end_ ? Read::kEnd : Read::kNothing;
  run.lane = item_->lane;
  run.order_time = std::max(due_, selection_.start());
  run.begin = transport::kHeadroom;
  SliceBuilder slice(run.buffer.bytes().subspan(run.begin), item_->block, item_->sequence);
  do {
    slice.add(item_->record);
    fetch();
  } while (item_ && belongs_to(run, slice));
  run.size = slice.finish();
  run.piece = {};
  run.piece.append(slice.header().record_count, slice.header().raw_crc, slice.header().raw_size);
  return Read::kRun;
}

}  // namespace tapedeck::replay
