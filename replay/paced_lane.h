// One lane of a paced replay: the runs of it that have been read, and the next record that is due. Cuts slices of
// consecutive records that are due. One thread; owns the buffers of its runs.
#pragma once

#include <deque>
#include <optional>

#include "engine/tape/block.h"
#include "engine/transport/socket.h"
#include "replay/run.h"

namespace tapedeck::replay {

// A slice, ready but for its envelope.
struct Slice {
  zmq::message_t message;  // with room for the envelope in front
  Piece piece;
  core::Nanos due{};  // tape time of its first record
};

class PacedLane {
 public:
  explicit PacedLane(core::Lane lane) : lane_(lane) {}

  void add(Run run);
  // Whether a record waits; if so, at which tape time it is due: the running maximum of the lane's capture times.
  [[nodiscard]] bool empty() const { return !next_; }
  [[nodiscard]] core::Nanos due() const { return due_; }
  [[nodiscard]] core::Lane lane() const { return lane_; }
  // In compressed blocks whose stored bytes are sound, and whose records are not.
  [[nodiscard]] uint64_t records_lost() const { return records_lost_; }

  // Records that are due by `until`, from the block that is open: at least the next one, which must be due, and at most
  // `bytes_max` unless a single record is larger.
  [[nodiscard]] Slice cut(core::Nanos until, size_t bytes_max);

 private:
  void open_next_block();
  void advance();

  core::Lane lane_;
  std::deque<Run> runs_;
  size_t offset_ = 0;  // of the next block in the first run
  tape::BlockOpener opener_;
  tape::BlockView block_;
  std::optional<tape::RecordRange::Iterator> next_;
  core::Sequence sequence_{};  // of *next_
  core::Nanos due_{};
  uint64_t records_lost_ = 0;
};

}  // namespace tapedeck::replay
