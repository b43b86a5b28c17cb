#include "engine/tape/ordinals.h"

#include <algorithm>
#include <limits>

namespace tapedeck::tape {

using core::fail_with;

void OrdinalColumnBuilder::start_run(SourceId source, Ordinal first) {
  close_run();
  source_ = source;
  first_ = first;
}

void OrdinalColumnBuilder::close_run() {
  if (run_length_ == 0) return;
  core::append_varint(runs_, source_.value);
  core::append_varint(runs_, run_length_);
  core::append_varint(runs_, first_.value);
  core::append_bytes(runs_, deltas_);
  deltas_.clear();
  run_length_ = 0;
}

Bytes OrdinalColumnBuilder::finish(size_t payload_size) {
  close_run();
  column_.swap(runs_);
  runs_.clear();
  const size_t end = core::align8(payload_size + column_.size() + kSideTrailerSize);
  column_.resize(end - kSideTrailerSize - payload_size, std::byte{0});
  core::append_le(column_, static_cast<uint32_t>(end - payload_size));
  return column_;
}

core::Result<Bytes> side_column_of(Bytes stored) {
  if (stored.size() < kSideTrailerSize) return fail_with(core::ExitCode::kDamaged, "block without a side column");
  const auto size = core::load_le<uint32_t>(stored.data() + stored.size() - kSideTrailerSize);
  if (size < kSideTrailerSize || size > stored.size()) {
    return fail_with(core::ExitCode::kDamaged, "side column of {} bytes in a block of {}", size, stored.size());
  }
  return stored.last(size);
}

core::Result<std::vector<Arrival>> decode_ordinals(Bytes side_column, uint32_t record_count) {
  const auto whole = side_column_of(side_column);
  if (!whole || whole->size() != side_column.size()) {
    return fail_with(core::ExitCode::kDamaged, "side column of another size than it says");
  }
  core::ByteReader reader(side_column.first(side_column.size() - kSideTrailerSize));
  std::vector<Arrival> arrivals;
  arrivals.reserve(std::min<size_t>(record_count, side_column.size()));
  while (reader.ok() && arrivals.size() < record_count) {
    const uint64_t source = reader.varint();
    const uint64_t run_length = reader.varint();
    Ordinal ordinal(reader.varint());
    if (source > std::numeric_limits<uint32_t>::max() || run_length - 1 >= record_count - arrivals.size()) break;
    arrivals.push_back({SourceId(static_cast<uint32_t>(source)), ordinal});
    for (uint64_t i = 1; i < run_length && reader.ok(); ++i) {
      ordinal += static_cast<uint64_t>(core::unzigzag(reader.varint()));
      arrivals.push_back({arrivals.back().source, ordinal});
    }
  }
  const Bytes padding = reader.take(reader.remaining());
  const bool ends_well =
      padding.size() < 8 && std::ranges::all_of(padding, [](std::byte b) { return b == std::byte{}; });
  if (!reader.ok() || !ends_well || arrivals.size() != record_count) {
    return fail_with(core::ExitCode::kDamaged, "side column does not give {} ordinals", record_count);
  }
  return arrivals;
}

}  // namespace tapedeck::tape
