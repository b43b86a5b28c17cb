// Opens a tape for reading: manifest, segment indexes, topic names and the ledger's totals, without touching a block.
// Whatever of these is damaged is rebuilt from the segments where that is possible, and reported in damage(): a reader
// that goes on must tell its user and end with kDamaged. Immutable after open(), so safe from every thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/file.h"
#include "engine/tape/damage_report.h"
#include "engine/tape/ledger.h"
#include "engine/tape/manifest.h"
#include "engine/tape/segment_index.h"

namespace tapedeck::tape {

struct Segment {
  std::filesystem::path path;
  uint32_t number = 0;
  uint64_t file_size = 0;
  bool sealed = false;
  SegmentIndex index;  // topics have their blocks only where OpenOptions asked for them
};

struct LaneContents {
  LaneSummary summary;  // of what the segments' indexes say
  std::vector<Segment> segments;
};

struct OpenOptions {
  bool lock = false;          // hold a shared lock, so that nobody writes to the tape; fails if somebody does
  bool topic_blocks = false;  // load for each topic which blocks hold it
};

class TapeReader {
 public:
  [[nodiscard]] static core::Result<TapeReader> open(const std::filesystem::path& path,
                                                     const OpenOptions& options = {});

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] TapeId id() const { return manifest_.id; }
  // As read; where it was damaged, rebuilt as far as the segments tell.
  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] const std::vector<LaneContents>& lanes() const { return lanes_; }  // data lanes, ascending
  [[nodiscard]] const std::vector<DamageReport>& damage() const { return damage_; }

  // Names by topic id. An id without a name has an empty one.
  [[nodiscard]] const std::vector<std::string>& topic_names() const { return topic_names_; }

  // Over all data lanes.
  [[nodiscard]] const LaneSummary& totals() const { return totals_; }
  [[nodiscard]] uint32_t frame_size_max() const { return frame_size_max_; }

  // What the ledger has of cause kLostRecords, as far as no index lists these records.
  [[nodiscard]] const std::vector<Loss>& lost_records() const { return lost_records_; }

  // All entries of the ledger that can be read.
  [[nodiscard]] core::Result<std::vector<Loss>> losses() const;

 private:
  friend class TapeOpener;
  std::filesystem::path path_;
  core::DirectoryLock lock_;
  Manifest manifest_;
  std::vector<LaneContents> lanes_;
  std::vector<DamageReport> damage_;
  std::vector<Loss> lost_records_;
  std::vector<std::string> topic_names_;
  LaneSummary totals_;
  uint32_t frame_size_max_ = 0;
};

}  // namespace tapedeck::tape
