// How a tape is opened: the steps behind TapeReader::open, which is their only user.
#pragma once

#include "engine/tape/segment_scanner.h"
#include "engine/tape/tape_reader.h"

namespace tapedeck::tape {

class TapeOpener {
 public:
  TapeOpener(const std::filesystem::path& path, const OpenOptions& options);
  [[nodiscard]] core::Result<TapeReader> open();

 private:
  [[nodiscard]] core::Status read_manifest();
  [[nodiscard]] core::Status find_tape_id();
  [[nodiscard]] core::Status open_lanes();
  [[nodiscard]] core::Status open_lane(Lane lane);
  [[nodiscard]] core::Result<std::optional<Segment>> open_segment(Lane lane, uint32_t number);
  [[nodiscard]] core::Result<SegmentIndex> load_index(SegmentScanner& scanner, Segment& segment);
  [[nodiscard]] core::Status read_losses();
  void note_lost_records(const LaneContents& lane);
  void take_names(const std::vector<TopicBlocks>& topics);
  void check_seals(const LaneContents& lane);
  void check_sequences(const LaneContents& lane);
  void compare_with_manifest(const LaneSummary& lane);
  void add_up(const LaneContents& lane);
  void note(DamageReport damage);
  void call_damaged(size_t first);
  [[nodiscard]] bool is_sealed() const { return manifest_is_sound_ && tape_.manifest_.sealed; }

  TapeReader tape_;
  OpenOptions options_;
  std::vector<Loss> lost_records_;       // of the ledger, missing or found again
  std::vector<uint32_t> name_versions_;  // of topic_names_, plus 1
  bool manifest_is_sound_ = false;
};

}  // namespace tapedeck::tape
