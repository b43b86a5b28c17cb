#include "replay/slice.h"

#include <algorithm>

namespace tapedeck::replay {

SliceBuilder::SliceBuilder(core::MutableBytes out, const tape::BlockHeader& origin, core::Sequence first_sequence)
    : out_(out) {
  header_.codec_and_flags = origin.codec_and_flags & tape::kHasSourceTime;
  header_.lane = origin.lane;
  header_.tape_id = origin.tape_id;
  header_.first_sequence = first_sequence.value;
  header_.time_min_ns = UINT64_MAX;
}

void SliceBuilder::add(core::Bytes records, uint32_t count, core::Nanos time_min, core::Nanos time_max) {
  TD_CHECK(used_ + records.size() <= out_.size());
  std::memcpy(out_.data() + used_, records.data(), records.size());
  used_ += records.size();
  header_.record_count += count;
  header_.time_min_ns = std::min(header_.time_min_ns, time_min.value);
  header_.time_max_ns = std::max(header_.time_max_ns, time_max.value);
}

size_t SliceBuilder::finish() {
  TD_CHECK(!empty());
  header_.raw_size = static_cast<uint32_t>(records_bytes());
  tape::stamp_header(out_.first(used_), header_);
  return used_;
}

}  // namespace tapedeck::replay
