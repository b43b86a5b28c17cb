// Which part of a tape is to be replayed: a stretch of time, some of the topics, some of the lanes. Immutable once
// made.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/core/name_choice.h"
#include "engine/tape/tape_reader.h"

namespace tapedeck::replay {

struct SelectionOptions {
  std::optional<core::Nanos> start{};        // capture time of the first record wanted
  std::optional<core::Nanos> end{};          // and of the last, itself included
  std::optional<int64_t> start_offset_ns{};  // instead of start: from the tape's first record
  std::optional<int64_t> duration_ns{};      // instead of end: from the start
  core::NameChoiceOptions topics{};
  std::vector<core::Lane> lanes{};  // empty: all
};

enum class Wanted : uint8_t { kNone, kPart, kWhole };

class Selection {
 public:
  // Fails (kUsage) on contradictory options, bad expressions, and topics, times or lanes that the tape does not have.
  // For a choice of topics the tape must have been opened with topic_blocks.
  [[nodiscard]] static core::Result<Selection> make(const tape::TapeReader& tape, const SelectionOptions& options);

  [[nodiscard]] core::Nanos start() const { return start_; }  // due at once when the replay starts
  [[nodiscard]] core::Nanos end() const { return end_; }
  [[nodiscard]] bool is_whole_tape() const { return all_topics_ && all_times_ && lanes_.empty(); }
  [[nodiscard]] bool wants(core::Lane lane) const { return lanes_.empty() || lanes_.contains(lane); }

  // How much of each block of a segment is wanted, as far as its index tells.
  [[nodiscard]] std::vector<Wanted> of_segment(const tape::Segment& segment) const;

  [[nodiscard]] bool wants(const tape::RecordView& record) const {
    const core::Nanos time = record.capture_time();
    return time >= start_ && time <= end_ && wants(record.topic());
  }

 private:
  [[nodiscard]] core::Status set_times(const tape::TapeReader& tape, const SelectionOptions& options);
  [[nodiscard]] core::Status set_topics(const tape::TapeReader& tape, const SelectionOptions& options);
  [[nodiscard]] core::Status set_lanes(const tape::TapeReader& tape, const SelectionOptions& options);
  [[nodiscard]] bool wants(core::TopicId topic) const {
    return all_topics_ || (topic.value < topics_.size() && topics_[topic.value]);
  }

  core::Nanos start_{};
  core::Nanos end_{};
  bool all_times_ = true;
  bool all_topics_ = true;
  std::vector<bool> topics_;    // by id
  std::set<core::Lane> lanes_;  // empty: all
};

}  // namespace tapedeck::replay
