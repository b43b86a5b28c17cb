#include "engine/tape/tape_writer.h"

#include <algorithm>
#include <random>
#include <utility>

#include "engine/tape/lane_writer.h"
#include "engine/tape/ledger_writer.h"

namespace tapedeck::tape {
namespace {

constexpr uint32_t kBlockBytesLow = 4u << 10;
constexpr uint32_t kBlockBytesHigh = 16u << 20;  // with side column still below kBlockBytesMax

TapeId random_tape_id() {
  std::random_device device;
  const uint64_t id = (uint64_t{device()} << 32) | device();
  return TapeId(std::max<uint64_t>(id, 1));  // 0 stands for "not known"
}

core::Status check(const TapeOptions& options) {
  using core::ExitCode;
  if (options.lanes < 1 || options.lanes > kLanesMax) {
    return core::fail_with(ExitCode::kUsage, "a tape has 1 to {} lanes, not {}", kLanesMax, options.lanes);
  }
  if (options.block_bytes < kBlockBytesLow || options.block_bytes > kBlockBytesHigh) {
    return core::fail_with(ExitCode::kUsage, "a block has {} to {} bytes, not {}", kBlockBytesLow, kBlockBytesHigh,
                           options.block_bytes);
  }
  return {};
}

core::Status check_unused(const std::filesystem::path& path) {
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return core::fail("cannot read the directory {}: {}", path.string(), error.message());
  if (!empty) return core::fail("{} exists and is not empty: choose another name or remove it", path.string());
  return {};
}

}  // namespace

core::Result<TapeWriter> TapeWriter::create(const std::filesystem::path& path, const TapeOptions& options,
                                            const core::Clock& clock) {
  TD_TRY(check(options));
  TD_TRY(core::make_directory(path));
  TD_ASSIGN(core::DirectoryLock lock, core::DirectoryLock::take(path, core::DirectoryLock::Kind::kExclusive,
                                                                "another program writes or replays this tape"));
  TD_TRY(check_unused(path));
  // "NAME.tape/" is NAME.tape: whoever goes up from a file of the tape must meet its folder.
  TapeWriter writer(path.has_filename() ? path : path.parent_path(), options, clock, std::move(lock));
  TD_TRY(writer.write_manifest());
  return writer;
}

TapeWriter::TapeWriter(std::filesystem::path path, const TapeOptions& options, const core::Clock& clock,
                       core::DirectoryLock lock)
    : path_(std::move(path)),
      options_(std::make_unique<TapeOptions>(options)),
      syncer_(std::make_unique<Syncer>(path_, options.durability, options.sync_interval_ns)),
      clock_(&clock),
      lock_(std::move(lock)),
      topics_(std::make_unique<TopicNames>()),
      files_(options.lanes),
      block_writer_(std::make_unique<BlockWriter>(options.queue_blocks, options.on_writer_start)),
      lanes_(options.lanes) {
  manifest_.id = options.id.value_or(random_tape_id());
  manifest_.created = clock.now();
  manifest_.codec = options.codec;
  manifest_.lane_count = options.lanes;
}

TapeWriter::TapeWriter(TapeWriter&&) noexcept = default;
TapeWriter& TapeWriter::operator=(TapeWriter&&) noexcept = default;
TapeWriter::~TapeWriter() = default;

TopicId TapeWriter::add_topic(std::string_view name) {
  if (topics_->size() + 1 < kTopicsMax) {
    return topics_->add(name);
  }
  if (topics_->size() < kTopicsMax) return topics_->add(kOtherTopics);
  return TopicId(static_cast<uint32_t>(topics_->size() - 1));
}

void TapeWriter::rename_topic(TopicId topic, std::string_view name) {
  TD_CHECK(topic.value < topics_->size());
  if (topic.value != kTopicsMax - 1) topics_->rename(topic, name);
}

std::string_view TapeWriter::topic_name(TopicId topic) const { return topics_->name(topic); }

size_t TapeWriter::topic_count() const { return topics_->size(); }

SourceId TapeWriter::add_source(std::string_view name, std::string_view protocol) {
  const SourceId source(static_cast<uint32_t>(manifest_.sources.size()));
  manifest_.sources.push_back({source, std::string(name), std::string(protocol)});
  manifest_is_stale_ = true;
  return source;
}

LaneWriter& TapeWriter::make_lane_writer(Lane lane) {
  files_[lane.value] =
      std::make_unique<LaneFile>(path_ / lane_folder(lane), manifest_.id, lane, *options_, *topics_, *clock_, *syncer_);
  lanes_[lane.value] =
      std::make_unique<LaneWriter>(manifest_.id, lane, *options_, *clock_, *block_writer_, *files_[lane.value]);
  return *lanes_[lane.value];
}

core::Status TapeWriter::append(Lane lane, const Record& record) {
  TD_CHECK(lane.value < lanes_.size() && record.topic.value < topics_->size() && !manifest_.sealed);
  if (record.payload.size() > kPayloadBytesMax) [[unlikely]] {
    return note_oversized(record);
  }
  LaneWriter* const writer = lanes_[lane.value].get();
  core::Status appended = (writer != nullptr ? *writer : make_lane_writer(lane)).append(record);
  records_ += appended.has_value();
  return appended;
}

core::Status TapeWriter::note_oversized(const Record& record) {
  return note_loss({.source = record.source,
                    .cause = LossCause::kOversized,
                    .first = record.ordinal.value,
                    .count = 1,
                    .time = record.capture_time,
                    .session = {}});
}

core::Status TapeWriter::note_loss(const Loss& loss) {
  TD_CHECK(!manifest_.sealed);
  if (!ledger_) {
    TD_ASSIGN(LedgerWriter writer, LedgerWriter::create(path_ / kLedgerName, manifest_.id, manifest_.created));
    ledger_ = std::make_unique<LedgerWriter>(std::move(writer));
  }
  TD_TRY(ledger_->note(loss));
  ++manifest_.gaps;
  manifest_.messages_lost += loss.count;
  return {};
}

core::Status TapeWriter::flush_due() {
  TD_TRY(block_writer_->check());
  const int64_t older_than_ns = clock_->monotonic_ns() - options_->flush_interval_ns;
  for (const auto& lane : lanes_) {
    if (lane) TD_TRY(lane->flush(older_than_ns));
  }
  if (ledger_) {
    TD_TRY(ledger_->flush());
    syncer_->note_written(path_ / kLedgerName, /*sealed=*/false);
  }
  if (manifest_is_stale_) TD_TRY(write_manifest());
  return syncer_->failure();
}

core::Status TapeWriter::write_manifest() {
  TD_TRY(core::replace_text_file(path_ / kManifestName, encode_manifest(manifest_)));
  if (options_->durability != Durability::kNone) TD_TRY(core::sync_directory(path_));
  manifest_is_stale_ = false;
  return {};
}

// Goes on after an error, so that as much of the tape as possible is sealed; the first error is told.
core::Status TapeWriter::seal_all() {
  core::Status result;
  const auto note = [&result](core::Status status) {
    if (result && !status) result = std::move(status);
  };
  for (const auto& lane : lanes_) {
    if (lane) note(lane->flush());
  }
  note(block_writer_->drain());
  for (const auto& file : files_) {
    if (file) note(file->seal());  // even if a block was refused: the index is smaller
  }
  if (ledger_) {
    note(result ? ledger_->seal() : ledger_->flush());
    syncer_->note_written(path_ / kLedgerName, /*sealed=*/true);
  }
  return result;
}

core::Result<Manifest> TapeWriter::seal() {
  TD_CHECK(!manifest_.sealed);
  TD_TRY(seal_all());
  TD_TRY(syncer_->finish());  // before the manifest says that all is there
  Manifest complete = manifest_;
  complete.sealed = true;
  complete.topics = topics_->size();
  complete.ledger_bytes = ledger_ ? ledger_->bytes() : 0;
  for (const auto& file : files_) {
    if (file && file->summary().segments > 0) complete.lanes.push_back(file->summary());
  }
  std::swap(manifest_, complete);
  if (const core::Status written = write_manifest(); !written) {
    std::swap(manifest_, complete);
    return tl::unexpected(written.error());
  }
  lock_ = core::DirectoryLock();
  return manifest_;
}

core::Result<Manifest> TapeWriter::seal_without_unwritten() {
  uint64_t dropped = block_writer_->drop();
  for (const auto& lane : lanes_) dropped += lane ? lane->drop() : 0;
  records_ -= dropped;
  if (dropped > 0) {
    TD_TRY(note_loss({.cause = LossCause::kNotWritten, .count = dropped, .time = clock_->now(), .session = {}}));
  }
  return seal();
}

}  // namespace tapedeck::tape
