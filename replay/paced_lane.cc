#include "replay/paced_lane.h"

#include <algorithm>

#include "replay/slice.h"

namespace tapedeck::replay {

void PacedLane::add(Run run) {
  // A new pass starts the tape again, and with it the running maximum.
  if (!runs_.empty() && runs_.back().pass != run.pass) TD_CHECK(!next_);
  const bool was_empty = runs_.empty();
  runs_.push_back(std::move(run));
  if (was_empty) open_next_block();
}

void PacedLane::open_next_block() {
  next_.reset();
  while (!runs_.empty()) {
    const Run& run = runs_.front();
    if (offset_ == 0) due_ = run.order_time;
    if (offset_ < run.size) {
      // The read-ahead has verified the bytes as stored; what remains is to decompress them.
      const tape::Damage damage = opener_.open(run.blocks().subspan(offset_), block_);
      TD_CHECK(damage != tape::Damage::kHeader && damage != tape::Damage::kCut);
      offset_ += tape::frame_size(block_.header);
      sequence_ = core::Sequence(block_.header.first_sequence);
      if (damage != tape::Damage::kNone || block_.begin() == block_.end()) {
        records_lost_ += block_.header.record_count;
        continue;
      }
      next_ = block_.begin();
      due_ = std::max(due_, (**next_).capture_time());
      return;
    }
    runs_.pop_front();
    offset_ = 0;
  }
}

void PacedLane::advance() {
  ++*next_;
  sequence_ += 1;
  if (*next_ == block_.end()) {
    next_.reset();
  } else {
    due_ = std::max(due_, (**next_).capture_time());
  }
}

Slice PacedLane::cut(core::Nanos until, size_t bytes_max) {
  TD_CHECK(next_ && due_ <= until);
  Slice slice;
  slice.due = due_;
  const core::Sequence first = sequence_;
  const std::byte* begin = (**next_).bytes().data();
  const std::byte* end = begin;
  uint32_t count = 0;
  uint64_t time_min_ns = UINT64_MAX;
  uint64_t time_max_ns = 0;
  while (next_ && due_ <= until) {
    const core::Bytes record = (**next_).bytes();
    if (count > 0 && static_cast<size_t>(record.data() + record.size() - begin) > bytes_max) break;
    const uint64_t time_ns = (**next_).capture_time().value;
    time_min_ns = std::min(time_min_ns, time_ns);
    time_max_ns = std::max(time_max_ns, time_ns);
    end = record.data() + record.size();
    ++count;
    advance();
  }
  const core::Bytes records(begin, end);
  slice.message = zmq::message_t(transport::kHeadroom + tape::kHeaderSize + records.size());
  SliceBuilder builder({slice.message.data<std::byte>() + transport::kHeadroom, tape::kHeaderSize + records.size()},
                       block_.header, first);
  builder.add(records, count, core::Nanos(time_min_ns), core::Nanos(time_max_ns));
  builder.finish();
  slice.piece = {count, builder.header().raw_crc, records.size()};
  if (!next_) open_next_block();
  return slice;
}

}  // namespace tapedeck::replay
