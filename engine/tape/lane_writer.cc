#include "engine/tape/lane_writer.h"

#include <algorithm>

namespace tapedeck::tape {

LaneWriter::LaneWriter(std::filesystem::path directory, TapeId tape, Lane lane, const TapeOptions& options,
                       const std::vector<TapeWriter::Topic>& topics, const core::Clock& clock, Syncer& syncer)
    : directory_(std::move(directory)),
      options_(options),
      topics_(topics),
      clock_(clock),
      syncer_(syncer),
      tape_(tape),
      builder_(tape, lane, options.source_times, options.block_bytes) {
  summary_.lane = lane;
}

core::Status LaneWriter::append(const Record& record) {
  if (!builder_.fits(record.payload.size())) TD_TRY(seal_block());
  if (builder_.empty()) TD_TRY(start_block());
  note_topic(record.topic);
  builder_.add(record);
  return {};
}

void LaneWriter::learn_topics(TopicId topic) {
  TD_CHECK(topic.value < topics_.size());
  topic_states_.resize(topics_.size());
}

core::Status LaneWriter::start_block() {
  if (!sealed_frame_.empty()) TD_TRY(write_sealed_block());
  block_started_ns_ = clock_.monotonic_ns();
  return {};
}

core::Status LaneWriter::flush(int64_t older_than_ns) {
  if (!sealed_frame_.empty()) return write_sealed_block();
  if (builder_.empty() || block_started_ns_ > older_than_ns) return {};
  return seal_block();
}

core::Status LaneWriter::seal_block() {
  sealed_payload_bytes_ = builder_.payload_bytes();
  sealed_header_ = builder_.header();
  TD_ASSIGN(sealed_frame_, builder_.seal(options_.codec));
  return write_sealed_block();
}

core::Status LaneWriter::write_sealed_block() {
  if (segment_is_full(Nanos(sealed_header_.time_max_ns))) TD_TRY(seal_segment());
  if (!segment_) TD_TRY(open_segment(Sequence(sealed_header_.first_sequence)));
  TD_TRY(write_missing_names());
  TD_TRY(segment_->write_block(sealed_frame_, sealed_payload_bytes_, block_topics_));
  syncer_.note_written(segment_->path(), /*sealed=*/false);
  sealed_frame_ = {};
  block_topics_.clear();
  ++block_number_;
  return {};
}

bool LaneWriter::segment_is_full(Nanos next_time) const {
  if (!segment_ || segment_->blocks().empty()) return false;
  if (segment_->size() >= options_.segment_bytes || segment_->index_is_large()) return true;
  const Nanos started = segment_->blocks().front().time_min;
  return options_.segment_duration_ns > 0 && next_time > started &&
         next_time - started >= static_cast<uint64_t>(options_.segment_duration_ns);
}

core::Status LaneWriter::write_missing_names() {
  std::vector<TopicName> names;
  for (const TopicId topic : block_topics_) {
    const TapeWriter::Topic& entry = topics_[topic.value];
    if (topic_states_[topic.value].name_in_segment != entry.version + 1) {
      names.push_back({topic, entry.version, entry.name});
    }
  }
  TD_TRY(segment_->write_names(names));
  for (const TopicName& name : names) {
    topic_states_[name.topic.value].name_in_segment = name.version + 1;
    topic_states_[name.topic.value].name_in_lane = name.version + 1;
  }
  return {};
}

core::Status LaneWriter::open_segment(Sequence first_sequence) {
  if (segment_number_ == 0) TD_TRY(core::make_directory(directory_));
  const SegmentIdentity identity{.tape = tape_,
                                 .lane = summary_.lane,
                                 .kind = LaneKind::kData,
                                 .segment = segment_number_,
                                 .first_sequence = first_sequence,
                                 .created = clock_.now()};
  TD_ASSIGN(segment_, SegmentWriter::create(directory_ / segment_name(segment_number_), identity));
  ++segment_number_;
  for (TopicState& state : topic_states_) state.name_in_segment = 0;
  return {};
}

// The index names the segment's topics, and also those of earlier segments that were renamed since: a name learnt late
// would otherwise be lost when none of the topic's records came after it.
core::Status LaneWriter::seal_segment() {
  std::vector<TopicName> names;
  for (uint32_t id = 0; id < topic_states_.size(); ++id) {
    const TopicState& state = topic_states_[id];
    const TapeWriter::Topic& entry = topics_[id];
    const bool is_renamed = state.name_in_lane != 0 && state.name_in_lane != entry.version + 1;
    if (state.name_in_segment != 0 || is_renamed) names.push_back({TopicId(id), entry.version, entry.name});
  }
  TD_TRY(segment_->seal(std::move(names)));
  for (uint32_t id = 0; id < topic_states_.size(); ++id) {
    if (topic_states_[id].name_in_lane != 0) topic_states_[id].name_in_lane = topics_[id].version + 1;
  }
  syncer_.note_written(segment_->path(), /*sealed=*/true);
  add_to_summary(*segment_);
  segment_.reset();
  return {};
}

void LaneWriter::add_to_summary(const SegmentWriter& segment) {
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

core::Status LaneWriter::seal() {
  core::Status written;
  if (!sealed_frame_.empty()) written = write_sealed_block();
  if (written && !builder_.empty()) written = seal_block();
  if (!segment_) return written;
  const core::Status sealed = seal_segment();  // even if the block was refused: the index is smaller
  return written ? sealed : written;
}

uint64_t LaneWriter::drop_unwritten() {
  uint64_t dropped = builder_.header().record_count;
  if (!sealed_frame_.empty()) dropped += sealed_header_.record_count;
  sealed_frame_ = {};
  block_topics_.clear();
  builder_ = BlockBuilder(tape_, summary_.lane, options_.source_times, options_.block_bytes);
  return dropped;
}

}  // namespace tapedeck::tape
