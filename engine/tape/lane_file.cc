#include "engine/tape/lane_file.h"

#include <algorithm>

namespace tapedeck::tape {

LaneFile::LaneFile(std::filesystem::path directory, TapeId tape, Lane lane, const TapeOptions& options,
                   const TopicNames& topics, const core::Clock& clock, Syncer& syncer)
    : directory_(std::move(directory)),
      options_(options),
      topics_(topics),
      clock_(clock),
      syncer_(syncer),
      tape_(tape) {
  summary_.lane = lane;
}

core::Status LaneFile::write(FilledBlock& block) {
  if (block.frame.empty()) {
    block.header = block.builder.header();
    block.payload_bytes = block.builder.payload_bytes();
    TD_ASSIGN(block.frame, block.builder.seal(options_.codec));
  }
  if (segment_is_full(Nanos(block.header.time_max_ns))) TD_TRY(seal());
  if (!segment_) TD_TRY(open_segment(Sequence(block.header.first_sequence)));
  TD_TRY(write_missing_names(block.topics));
  TD_TRY(segment_->write_block(block.frame, block.payload_bytes, block.topics));
  syncer_.note_written(segment_->path(), /*sealed=*/false);
  return {};
}

bool LaneFile::segment_is_full(Nanos next_time) const {
  if (!segment_ || segment_->blocks().empty()) return false;
  if (segment_->size() >= options_.segment_bytes || segment_->index_is_large()) return true;
  const Nanos started = segment_->blocks().front().time_min;
  return options_.segment_duration_ns > 0 && next_time > started &&
         next_time - started >= static_cast<uint64_t>(options_.segment_duration_ns);
}

core::Status LaneFile::write_missing_names(const std::vector<TopicId>& topics) {
  for (const TopicId topic : topics) {
    if (topic.value >= names_.size()) names_.resize(topic.value + 1);
  }
  const std::vector<TopicName> names = topics_.copy(
      topics, [this](TopicId topic, uint32_t version) { return names_[topic.value].in_segment != version + 1; });
  TD_TRY(segment_->write_names(names));
  for (const TopicName& name : names) names_[name.topic.value] = {name.version + 1, name.version + 1};
  return {};
}

core::Status LaneFile::open_segment(Sequence first_sequence) {
  if (segment_number_ == 0) TD_TRY(core::make_directory(directory_));
  const SegmentIdentity identity{.tape = tape_,
                                 .lane = summary_.lane,
                                 .kind = LaneKind::kData,
                                 .segment = segment_number_,
                                 .first_sequence = first_sequence,
                                 .created = clock_.now()};
  TD_ASSIGN(segment_, SegmentWriter::create(directory_ / segment_name(segment_number_), identity));
  ++segment_number_;
  for (NameState& state : names_) state.in_segment = 0;
  return {};
}

// The index names the segment's topics, and also those of earlier segments that were renamed since: a name learnt late
// would otherwise be lost when none of the topic's records came after it.
core::Status LaneFile::seal() {
  if (!segment_) return {};
  std::vector<TopicId> known;
  for (uint32_t id = 0; id < names_.size(); ++id) {
    if (names_[id].in_lane != 0) known.emplace_back(id);
  }
  const std::vector<TopicName> names = topics_.copy(known, [this](TopicId topic, uint32_t version) {
    return names_[topic.value].in_segment != 0 || names_[topic.value].in_lane != version + 1;
  });
  TD_TRY(segment_->seal(names));
  for (const TopicName& name : names) names_[name.topic.value].in_lane = name.version + 1;
  syncer_.note_written(segment_->path(), /*sealed=*/true);
  add_to_summary(*segment_);
  segment_.reset();
  return {};
}

void LaneFile::add_to_summary(const SegmentWriter& segment) {
  for (const BlockRef& block : segment.blocks()) {
    const bool is_first = summary_.records == 0;
    summary_.time_min_ns = is_first ? block.time_min.value : std::min(summary_.time_min_ns, block.time_min.value);
    summary_.time_max_ns = std::max(summary_.time_max_ns, block.time_max.value);
    summary_.records += block.record_count;
    summary_.payload_bytes += block.payload_bytes;
    ++summary_.blocks;
  }
  summary_.bytes += segment.size();
  ++summary_.segments;
}

}  // namespace tapedeck::tape
