// Writes one data lane of a tape: collects records in a block, seals it when it is full or old, and starts a new
// segment when one is large or long enough. For one thread; owned by TapeWriter.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/tape/segment_writer.h"
#include "engine/tape/tape_writer.h"

namespace tapedeck::tape {

class LaneWriter {
 public:
  // Writes to the folder `directory`, which is made with the first block. `topics` is the tape's table, which may grow.
  LaneWriter(std::filesystem::path directory, TapeId tape, Lane lane, const TapeOptions& options,
             const std::vector<TapeWriter::Topic>& topics, const core::Clock& clock, Syncer& syncer);

  // Records are accepted in order and written a block at a time. After an error the record was not accepted, those
  // before it are kept, and the next call tries again.
  [[nodiscard]] core::Status append(const Record& record);
  // Seals the open block, if its first record was appended at `older_than_ns` or before (monotonic).
  [[nodiscard]] core::Status flush(int64_t older_than_ns);
  [[nodiscard]] core::Status seal();
  // Forgets the records that are not written yet, and gives their number. Only seal() may follow.
  [[nodiscard]] uint64_t drop_unwritten();
  [[nodiscard]] const LaneSummary& summary() const { return summary_; }  // of what is in sealed segments

 private:
  // What the lane knows of a topic. Block numbers count from 1, and name versions are plus 1; zero means never.
  struct TopicState {
    uint32_t seen_in_block = 0;    // the last one
    uint32_t name_in_segment = 0;  // as this segment's dictionary has it
    uint32_t name_in_lane = 0;     // as the latest index or dictionary of the lane has it
  };

  void note_topic(TopicId topic) {
    if (topic.value >= topic_states_.size()) [[unlikely]] {
      learn_topics(topic);
    }
    TopicState& state = topic_states_[topic.value];
    if (state.seen_in_block == block_number_) return;
    state.seen_in_block = block_number_;
    block_topics_.push_back(topic);
  }
  void learn_topics(TopicId topic);
  [[nodiscard]] core::Status start_block();
  [[nodiscard]] core::Status seal_block();
  [[nodiscard]] core::Status write_sealed_block();
  [[nodiscard]] core::Status open_segment(Sequence first_sequence);
  [[nodiscard]] core::Status seal_segment();
  [[nodiscard]] core::Status write_missing_names();
  [[nodiscard]] bool segment_is_full(Nanos next_time) const;
  void add_to_summary(const SegmentWriter& segment);

  std::filesystem::path directory_;
  const TapeOptions& options_;
  const std::vector<TapeWriter::Topic>& topics_;
  const core::Clock& clock_;
  Syncer& syncer_;
  TapeId tape_;
  LaneSummary summary_;
  BlockBuilder builder_;
  int64_t block_started_ns_ = 0;  // monotonic; of the open block
  uint32_t block_number_ = 1;     // of the open block
  std::vector<TopicState> topic_states_;
  std::vector<TopicId> block_topics_;  // those of the open block, or of the sealed one while it waits

  // A block that was sealed and waits to be written; empty but for a moment, or after an error of the disk.
  Bytes sealed_frame_;  // in builder_
  BlockHeader sealed_header_;
  uint64_t sealed_payload_bytes_ = 0;

  std::optional<SegmentWriter> segment_;
  uint32_t segment_number_ = 0;  // of the next one
};

}  // namespace tapedeck::tape
