// Seals the blocks of one data lane and writes them to its segments; starts a new segment when one is large or long
// enough. Belongs to the thread that writes blocks (BlockWriter), and to the tape's thread while that one is at rest.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/tape/segment_writer.h"
#include "engine/tape/tape_writer.h"
#include "engine/tape/topic_names.h"

namespace tapedeck::tape {

class LaneFile;

// The records of a block on their way to the disk.
struct FilledBlock {
  LaneFile* lane = nullptr;
  BlockBuilder builder;
  std::vector<TopicId> topics;  // of its records, each once
  Bytes frame = {};             // in the builder, once it is sealed
  BlockHeader header = {};      // as it was before: counts, times and first sequence
  uint64_t payload_bytes = 0;
};

class LaneFile {
 public:
  // Writes to the folder `directory`, which is made with the first block.
  LaneFile(std::filesystem::path directory, TapeId tape, Lane lane, const TapeOptions& options,
           const TopicNames& topics, const core::Clock& clock, Syncer& syncer);

  // Blocks come in the order of their sequences. After an error the same block may be written again.
  [[nodiscard]] core::Status write(FilledBlock& block);
  // Seals the open segment, if there is one.
  [[nodiscard]] core::Status seal();
  [[nodiscard]] const LaneSummary& summary() const { return summary_; }  // of what is in sealed segments

 private:
  // Which names the lane's files have; versions are plus 1, and zero means none.
  struct NameState {
    uint32_t in_segment = 0;  // as this segment's dictionary has it
    uint32_t in_lane = 0;     // as the latest index or dictionary of the lane has it
  };

  [[nodiscard]] core::Status open_segment(Sequence first_sequence);
  [[nodiscard]] core::Status write_missing_names(const std::vector<TopicId>& topics);
  [[nodiscard]] bool segment_is_full(Nanos next_time) const;
  void add_to_summary(const SegmentWriter& segment);

  std::filesystem::path directory_;
  const TapeOptions& options_;
  const TopicNames& topics_;
  const core::Clock& clock_;
  Syncer& syncer_;
  TapeId tape_;
  LaneSummary summary_;
  std::vector<NameState> names_;  // by topic
  std::optional<SegmentWriter> segment_;
  uint32_t segment_number_ = 0;  // of the next one
};

}  // namespace tapedeck::tape
