// Writes one tape: `create`, then topics, sources, records and losses in any order, then `seal`. For one thread. Holds
// the tape's directory locked, so that a second writer is refused. Memory is bounded: one open block for each lane in
// use, those of the queue, plus the index of each lane's open segment. A block that `append` has filled was handed to
// the system when it returns, or waits for the thread that does so (TapeOptions::queue_blocks); what a loss of power
// may cost is TapeOptions::durability's to say, and readers report it. After an error of any call the tape is still
// readable up to the last whole block, nothing that was accepted is dropped, and the call may be made again, say when
// there is room on the disk; `seal` closes what can be closed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/core/clock.h"
#include "engine/core/file.h"
#include "engine/core/status.h"
#include "engine/tape/ledger.h"
#include "engine/tape/manifest.h"
#include "engine/tape/record.h"
#include "engine/tape/syncer.h"

namespace tapedeck::tape {

struct TapeOptions {
  uint16_t lanes = 16;  // 1 to kLanesMax. More than any machine that replays it has shards.
  Codec codec = Codec::kNone;
  uint32_t block_bytes = 1u << 20;  // raw; a block is sealed when the next record would not fit. 4 KiB to 16 MiB.
  size_t queue_blocks = 0;  // that may wait for a thread which seals and writes them; 0: the calls do so themselves
  std::function<void()> on_writer_start = nullptr;  // called first by that thread: for it to take its CPU
  uint64_t segment_bytes = uint64_t{1} << 30;       // a segment is sealed when it has reached this
  int64_t segment_duration_ns = 0;                  // or holds this much capture time; 0: no such limit
  int64_t flush_interval_ns = 100'000'000;          // flush_due() seals blocks whose oldest record is older than this
  Durability durability = Durability::kNone;        // for what cannot be recorded again: kInterval
  int64_t sync_interval_ns = 1'000'000'000;         // of kInterval
  bool source_times = true;                         // records keep the time of their source: 8 bytes each
  std::optional<TapeId> id = std::nullopt;          // random by default; for tests
};

class BlockWriter;
class LaneFile;
class LaneWriter;
class LedgerWriter;
class TopicNames;

class TapeWriter {
 public:
  static constexpr std::string_view kOtherTopics = "(other topics)";

  // Makes the directory `path`, which must not exist or be empty. `clock` stamps and ages blocks; it must outlive this.
  [[nodiscard]] static core::Result<TapeWriter> create(const std::filesystem::path& path, const TapeOptions& options,
                                                       const core::Clock& clock = core::system_clock());
  TapeWriter(TapeWriter&&) noexcept;
  TapeWriter& operator=(TapeWriter&&) noexcept;
  ~TapeWriter();  // without seal() the tape stays unsealed, as after a crash

  [[nodiscard]] TapeId id() const { return manifest_.id; }
  [[nodiscard]] const TapeOptions& options() const { return *options_; }

  // Registers a topic; ids count from 0. `name` is "FEED/SYMBOL", at most kTopicNameBytesMax bytes (longer is cut). All
  // from number kTopicsMax on are one topic, named kOtherTopics.
  TopicId add_topic(std::string_view name);
  // A name learnt late replaces the earlier one, for all records of the topic, past and to come.
  void rename_topic(TopicId topic, std::string_view name);
  [[nodiscard]] std::string_view topic_name(TopicId topic) const;
  [[nodiscard]] size_t topic_count() const;

  SourceId add_source(std::string_view name, std::string_view protocol);

  // Appends a record to a lane below options().lanes. A payload above kPayloadBytesMax is not written: it goes to the
  // ledger as oversized, and the call succeeds. After an error the record was not accepted. About 30 ns for 100 bytes.
  [[nodiscard]] core::Status append(Lane lane, const Record& record);
  [[nodiscard]] core::Status note_loss(const Loss& loss);

  // Seals the blocks whose oldest record was appended at least flush_interval_ns ago, and puts new sources into the
  // manifest. For live sources, now and then. Also tells errors of syncing, which seal() does at the latest.
  [[nodiscard]] core::Status flush_due();

  // Seals every block and segment, writes the manifest and gives it. The tape is complete, read-only and no longer
  // locked after it. After an error it stays marked as unsealed.
  [[nodiscard]] core::Result<Manifest> seal();

  // For when seal() has failed and no room will come: drops the records that could not be written, counts them in the
  // ledger, takes them off records(), and seals what is there.
  [[nodiscard]] core::Result<Manifest> seal_without_unwritten();

  // So far, sealed and open: what a progress line shows.
  [[nodiscard]] uint64_t records() const { return records_; }
  [[nodiscard]] uint64_t gaps() const { return manifest_.gaps; }
  [[nodiscard]] uint64_t messages_lost() const { return manifest_.messages_lost; }

 private:
  TapeWriter(std::filesystem::path path, const TapeOptions& options, const core::Clock& clock,
             core::DirectoryLock lock);
  LaneWriter& make_lane_writer(Lane lane);
  [[nodiscard]] core::Status note_oversized(const Record& record);
  [[nodiscard]] core::Status seal_all();
  [[nodiscard]] core::Status write_manifest();

  std::filesystem::path path_;
  std::unique_ptr<const TapeOptions> options_;  // lane writers refer to it, wherever this object moves
  std::unique_ptr<Syncer> syncer_;              // likewise
  const core::Clock* clock_;
  core::DirectoryLock lock_;
  Manifest manifest_;
  std::unique_ptr<TopicNames> topics_;              // likewise
  std::vector<std::unique_ptr<LaneFile>> files_;    // of lanes; null until its first record
  std::unique_ptr<BlockWriter> block_writer_;       // its thread writes to these files
  std::vector<std::unique_ptr<LaneWriter>> lanes_;  // null until its first record
  std::unique_ptr<LedgerWriter> ledger_;            // null until its first loss
  uint64_t records_ = 0;
  bool manifest_is_stale_ = false;  // on the disk it lacks sources
};

}  // namespace tapedeck::tape
