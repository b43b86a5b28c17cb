// Collects the records of one data lane of a tape in a block, and gives it to the BlockWriter when it is full or old.
// For one thread; owned by TapeWriter. The rest of the way is the lane's file's.
#pragma once

#include "engine/tape/block_writer.h"

namespace tapedeck::tape {

class LaneWriter {
 public:
  LaneWriter(TapeId tape, Lane lane, const TapeOptions& options, const core::Clock& clock, BlockWriter& block_writer,
             LaneFile& file);

  // Records are accepted in order. After an error the record was not accepted, those before it are kept, and the next
  // call tries again.
  [[nodiscard]] core::Status append(const Record& record) {
    if (block_.builder.empty() || !block_.builder.fits(record.payload.size())) [[unlikely]] {
      TD_TRY(start_block());
    }
    note_topic(record.topic);
    block_.builder.add(record);
    return {};
  }
  // Gives the open block away, if its first record was appended at `older_than_ns` or before (monotonic).
  [[nodiscard]] core::Status flush(int64_t older_than_ns);
  // Gives the open block away.
  [[nodiscard]] core::Status flush();
  // Forgets the records of the open block, and gives their number. No record may follow.
  [[nodiscard]] uint64_t drop();

 private:
  void note_topic(TopicId topic) {
    if (topic.value >= seen_in_block_.size()) [[unlikely]] {
      seen_in_block_.resize(topic.value + 1);
    }
    if (seen_in_block_[topic.value]) [[likely]] {
      return;
    }
    seen_in_block_[topic.value] = true;
    block_.topics.push_back(topic);
  }
  // Gives the open block away, if it has records, and starts the next one.
  [[nodiscard]] core::Status start_block();
  [[nodiscard]] FilledBlock empty_block(Sequence first_sequence);

  const TapeOptions& options_;
  const core::Clock& clock_;
  BlockWriter& block_writer_;
  LaneFile& file_;
  TapeId tape_;
  Lane lane_;
  FilledBlock block_;                // the open one
  int64_t block_started_ns_ = 0;     // monotonic
  std::vector<bool> seen_in_block_;  // by topic; bits, for the nearest cache has to hold those of all lanes
};

}  // namespace tapedeck::tape
