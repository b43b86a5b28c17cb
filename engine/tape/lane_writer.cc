#include "engine/tape/lane_writer.h"

#include <algorithm>

namespace tapedeck::tape {

LaneWriter::LaneWriter(TapeId tape, Lane lane, const TapeOptions& options, const core::Clock& clock,
                       BlockWriter& block_writer, LaneFile& file)
    : options_(options),
      clock_(clock),
      block_writer_(block_writer),
      file_(file),
      tape_(tape),
      lane_(lane),
      block_(empty_block(Sequence(0))) {}

core::Status LaneWriter::start_block() {
  TD_TRY(flush());
  TD_TRY(block_writer_.check());
  block_started_ns_ = clock_.monotonic_ns();
  return {};
}

core::Status LaneWriter::flush(int64_t older_than_ns) {
  return block_started_ns_ > older_than_ns ? core::Status{} : flush();
}

core::Status LaneWriter::flush() {
  if (block_.builder.empty()) return {};
  const BlockHeader& header = block_.builder.header();
  const Sequence next(header.first_sequence + header.record_count);
  core::Status pushed = block_writer_.push(block_);
  if (block_.lane != nullptr) return pushed;  // it was not taken
  block_ = empty_block(next);
  std::fill(seen_in_block_.begin(), seen_in_block_.end(), false);
  return pushed;
}

FilledBlock LaneWriter::empty_block(Sequence first_sequence) {
  std::optional<BlockBuilder> spare = block_writer_.spare();
  FilledBlock block{
      .lane = &file_,
      .builder = spare ? std::move(*spare) : BlockBuilder(tape_, lane_, options_.source_times, options_.block_bytes),
      .topics = {}};
  block.builder.start(lane_, first_sequence);
  return block;
}

uint64_t LaneWriter::drop() {
  const BlockHeader dropped = block_.builder.header();
  block_.builder = BlockBuilder(tape_, lane_, options_.source_times, options_.block_bytes);
  return dropped.record_count;
}

}  // namespace tapedeck::tape
