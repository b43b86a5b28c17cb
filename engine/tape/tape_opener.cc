#include "engine/tape/tape_opener.h"

#include <algorithm>
#include <charconv>

#include "engine/tape/index_reader.h"
#include "engine/tape/ledger_reader.h"
#include "engine/tape/lost_records.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

// The numbers N of the entries that are called name_of(N), ascending. Other entries are not ours.
template <class NameOf>
std::vector<uint32_t> numbered_entries(const fs::path& directory, NameOf name_of) {
  std::vector<uint32_t> numbers;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const size_t digits_at = std::min(name.find_first_of("0123456789"), name.size());
    uint32_t number = 0;
    const auto parsed = std::from_chars(name.data() + digits_at, name.data() + name.size(), number);
    if (parsed.ec == std::errc{} && name == name_of(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<uint32_t> lanes_in(const fs::path& tape) {
  return numbered_entries(tape,
                          [](uint32_t n) { return n < kLanesMax ? lane_folder(Lane(static_cast<uint16_t>(n))) : ""; });
}

std::vector<uint32_t> segments_in(const fs::path& tape, Lane lane) {
  return numbered_entries(tape / lane_folder(lane), segment_name);
}

void add_block(LaneSummary& sum, const BlockRef& block) {
  sum.time_min_ns = sum.records == 0 ? block.time_min.value : std::min(sum.time_min_ns, block.time_min.value);
  sum.time_max_ns = std::max(sum.time_max_ns, block.time_max.value);
  sum.records += block.record_count;
  sum.payload_bytes += block.payload_bytes;
  ++sum.blocks;
}

LaneSummary summarize(Lane lane, const std::vector<Segment>& segments) {
  LaneSummary sum;
  sum.lane = lane;
  sum.segments = static_cast<uint32_t>(segments.size());
  for (const Segment& segment : segments) {
    sum.bytes += segment.file_size;
    for (const BlockRef& block : segment.index.blocks) add_block(sum, block);
  }
  return sum;
}

}  // namespace

TapeOpener::TapeOpener(const fs::path& path, const OpenOptions& options) : options_(options) { tape_.path_ = path; }

void TapeOpener::note(DamageReport damage) { tape_.damage_.push_back(std::move(damage)); }

core::Result<TapeReader> TapeOpener::open() {
  std::error_code error;
  if (!fs::is_directory(tape_.path_, error)) {
    return core::fail("{} is not a tape: {}", tape_.path_.string(),
                      fs::exists(tape_.path_, error) ? "a tape is a directory" : "no such file or directory");
  }
  if (options_.lock) {
    TD_ASSIGN(tape_.lock_,
              core::DirectoryLock::take(tape_.path_, core::DirectoryLock::Kind::kShared, "it is still being recorded"));
  }
  TD_TRY(read_manifest());
  if (!manifest_is_sound_) TD_TRY(find_tape_id());
  TD_TRY(read_losses());
  TD_TRY(open_lanes());
  if (!is_sealed()) tape_.manifest_.topics = tape_.topic_names_.size();
  if (!manifest_is_sound_ || tape_.manifest_.sealed) call_damaged(0);
  return std::move(tape_);
}

// What was finished once has no unfinished parts: those noted from `first` on are damage.
void TapeOpener::call_damaged(size_t first) {
  for (size_t i = first; i < tape_.damage_.size(); ++i) tape_.damage_[i].unfinished = false;
}

core::Status TapeOpener::read_manifest() {
  const fs::path path = tape_.path_ / kManifestName;
  const bool has_lanes = !lanes_in(tape_.path_).empty();
  const auto text = core::read_text_file(path);
  if (!text && !has_lanes) {
    return core::fail("{} is not a tape: {}", tape_.path_.string(), text.error().message);
  }
  if (!text) {
    note({.file = path.filename(), .what = text.error().message});
    return {};
  }
  auto manifest = decode_manifest(*text);
  if (manifest) {
    tape_.manifest_ = std::move(*manifest);
    manifest_is_sound_ = true;
    if (!tape_.manifest_.sealed) {
      note({.file = path.filename(),
            .what = "the tape is not sealed: it is being recorded, or its recorder was killed",
            .unfinished = true});
    }
    return {};
  }
  if (manifest.error().code != core::ExitCode::kDamaged || !has_lanes) {
    return core::fail_with(manifest.error().code, "{}: {}", path.string(), manifest.error().message);
  }
  note({.file = path.filename(), .what = manifest.error().message});
  return {};
}

// Without a manifest the tape is the one that the first sound segment header names.
core::Status TapeOpener::find_tape_id() {
  for (const uint32_t number : lanes_in(tape_.path_)) {
    const Lane lane(static_cast<uint16_t>(number));
    for (const uint32_t segment : segments_in(tape_.path_, lane)) {
      const auto scanner = SegmentScanner::open(tape_.path_ / lane_folder(lane) / segment_name(segment), {});
      if (!scanner && scanner.error().code == core::ExitCode::kDamaged) continue;
      if (!scanner) return tl::unexpected(scanner.error());
      tape_.manifest_.id = TapeId(scanner->header().tape_id);
      tape_.manifest_.created = Nanos(scanner->header().created_ns);
      return {};
    }
  }
  return {};
}

core::Status TapeOpener::open_lanes() {
  std::vector<uint32_t> lanes = lanes_in(tape_.path_);
  for (const LaneSummary& lane : tape_.manifest_.lanes) lanes.push_back(lane.lane.value);  // one may be missing
  for (const Loss& loss : lost_records_) lanes.push_back(loss.lane.value);
  std::sort(lanes.begin(), lanes.end());
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  for (const uint32_t lane : lanes) TD_TRY(open_lane(Lane(static_cast<uint16_t>(lane))));
  return {};
}

core::Status TapeOpener::open_lane(Lane lane) {
  const auto& told = tape_.manifest_.lanes;
  const bool is_of_another_kind = std::any_of(
      told.begin(), told.end(), [&](const LaneSummary& l) { return l.lane == lane && l.kind != LaneKind::kData; });
  if (is_of_another_kind) return {};
  LaneContents contents;
  uint32_t expected = 0;
  const size_t damage_before = tape_.damage_.size();
  for (const uint32_t number : segments_in(tape_.path_, lane)) {
    if (number > expected) {
      note({.file = lane_folder(lane), .what = fmt::format("segments {} to {} are missing", expected, number - 1)});
    }
    expected = number + 1;
    call_damaged(damage_before);  // all segments but the last were sealed
    TD_ASSIGN(auto segment, open_segment(lane, number));
    if (segment) contents.segments.push_back(std::move(*segment));
  }
  contents.summary = summarize(lane, contents.segments);
  check_seals(contents);
  note_lost_records(contents);
  check_sequences(contents);
  compare_with_manifest(contents.summary);
  add_up(contents);
  if (!contents.segments.empty()) tape_.lanes_.push_back(std::move(contents));
  return {};
}

// Nothing where the file is not a part of this lane, which is damage unless it is of a kind that we do not read.
core::Result<std::optional<Segment>> TapeOpener::open_segment(Lane lane, uint32_t number) {
  const std::optional<Segment> none;
  const fs::path name = fs::path(lane_folder(lane)) / segment_name(number);
  SegmentHeader expected;
  expected.lane_kind = static_cast<uint8_t>(LaneKind::kData);
  expected.lane = lane.value;
  expected.tape_id = tape_.id().value;
  expected.segment = number;
  auto scanner = SegmentScanner::open(tape_.path_ / name, expected);
  if (!scanner) {
    if (scanner.error().code != core::ExitCode::kDamaged) return tl::unexpected(scanner.error());
    note({.file = name, .what = scanner.error().message});
    return none;
  }
  const SegmentHeader& header = scanner->header();
  if (header.lane_kind != expected.lane_kind) return none;
  if (header.lane != lane.value || header.segment != number) {
    note({.file = name, .what = fmt::format("it is segment {} of lane {}, misplaced", header.segment, header.lane)});
    return none;
  }
  Segment segment{
      .path = tape_.path_ / name, .number = number, .file_size = scanner->file_size(), .sealed = true, .index = {}};
  TD_ASSIGN(segment.index, load_index(*scanner, segment));
  take_names(segment.index.topics);
  if (!options_.topic_blocks) segment.index.topics.clear();
  return std::optional(std::move(segment));
}

core::Result<SegmentIndex> TapeOpener::load_index(SegmentScanner& scanner, Segment& segment) {
  const fs::path name = segment.path.lexically_relative(tape_.path_);
  TD_ASSIGN(auto index, read_index(scanner));
  if (index) {
    if (!scanner.header_is_sound()) {
      note({.file = name, .size = kHeaderSize, .what = std::string(damage_name(Damage::kHeader))});
    }
    return std::move(*index);
  }
  segment.sealed = false;
  TD_ASSIGN(RebuiltSegment rebuilt, rebuild_segment(scanner, name, tape_.damage_));
  return std::move(rebuilt.index);
}

void TapeOpener::take_names(const std::vector<TopicBlocks>& topics) {
  for (const TopicBlocks& topic : topics) {
    const uint32_t id = topic.name.topic.value;
    if (id >= tape_.topic_names_.size()) {
      tape_.topic_names_.resize(id + 1);
      name_versions_.resize(id + 1);
    }
    if (name_versions_[id] > topic.name.version) continue;
    name_versions_[id] = topic.name.version + 1;
    tape_.topic_names_[id] = topic.name.name;
  }
}

// While a tape is recorded, the last segment of a lane has no index yet.
void TapeOpener::check_seals(const LaneContents& lane) {
  const bool is_open = manifest_is_sound_ && !tape_.manifest_.sealed;
  for (const Segment& segment : lane.segments) {
    if (segment.sealed || (is_open && &segment == &lane.segments.back())) continue;
    note({.file = segment.path.lexically_relative(tape_.path_),
          .what = "index or footer damaged or missing: rebuilt by reading the segment"});
  }
}

// recover has written the manifest anew; the records that it missed then are still missing.
void TapeOpener::note_lost_records(const LaneContents& lane) {
  for (const Loss& loss : lost_records_) {
    if (loss.lane != lane.summary.lane) continue;
    for (const Loss& part : still_missing(loss, lane.segments)) {
      note({.file = lane_folder(part.lane),
            .records_lost = part.count,
            .what = fmt::format("the ledger tells that the {} records from {} on were lost", part.count, part.first)});
      tape_.lost_records_.push_back(part);
    }
  }
}

// Sequences count from 0 without a gap, so a jump tells of records that are nowhere; unless a damaged part of the same
// file or the ledger, told already, explains it.
void TapeOpener::check_sequences(const LaneContents& lane) {
  uint64_t expected = 0;
  for (const Segment& segment : lane.segments) {
    const fs::path name = segment.path.lexically_relative(tape_.path_);
    const bool is_explained = std::any_of(tape_.damage_.begin(), tape_.damage_.end(), [&](const DamageReport& damage) {
      return damage.file == name && damage.size > 0;
    });
    for (const BlockRef& block : segment.index.blocks) {
      const uint64_t first = block.first_sequence.value;
      const auto is_told = [&](const Loss& loss) {
        return loss.lane == lane.summary.lane && loss.first <= expected && first <= loss.first + loss.count;
      };
      if (first != expected && !is_explained && std::ranges::none_of(tape_.lost_records_, is_told)) {
        note({.file = name,
              .records_lost = first > expected ? first - expected : 0,
              .what = fmt::format("its block at offset {} begins with record {} of the lane, where {} is due",
                                  block.offset, first, expected)});
      }
      expected = first + block.record_count;
    }
  }
}

void TapeOpener::compare_with_manifest(const LaneSummary& lane) {
  if (!is_sealed()) return;
  const auto& lanes = tape_.manifest_.lanes;
  const auto told = std::find_if(lanes.begin(), lanes.end(), [&](const LaneSummary& l) { return l.lane == lane.lane; });
  if (told == lanes.end()) {
    const auto is_told = [&](const Loss& loss) { return loss.lane == lane.lane; };
    if (std::ranges::any_of(tape_.lost_records_, is_told)) return;
    note({.file = lane_folder(lane.lane), .what = "the manifest does not know this lane"});
  } else if (*told != lane) {
    note({.file = lane_folder(lane.lane),
          .records_lost = told->records > lane.records ? told->records - lane.records : 0,
          .what =
              fmt::format("{} segments, {} blocks, {} records and {} bytes, where the manifest says {}, {}, {} and {}",
                          lane.segments, lane.blocks, lane.records, lane.bytes, told->segments, told->blocks,
                          told->records, told->bytes)});
  }
}

void TapeOpener::add_up(const LaneContents& lane) {
  LaneSummary& totals = tape_.totals_;
  const LaneSummary& sum = lane.summary;
  if (sum.records > 0) {
    totals.time_min_ns = totals.records == 0 ? sum.time_min_ns : std::min(totals.time_min_ns, sum.time_min_ns);
    totals.time_max_ns = std::max(totals.time_max_ns, sum.time_max_ns);
  }
  totals.segments += sum.segments;
  totals.blocks += sum.blocks;
  totals.records += sum.records;
  totals.bytes += sum.bytes;
  totals.payload_bytes += sum.payload_bytes;
  for (const Segment& segment : lane.segments) {
    for (const BlockRef& block : segment.index.blocks) {
      tape_.frame_size_max_ = std::max(tape_.frame_size_max_, block.frame_size);
    }
  }
}

core::Status TapeOpener::read_losses() {
  const size_t damage_before = tape_.damage_.size();
  TD_ASSIGN(const std::vector<Loss> losses, read_ledger(tape_.path_, tape_.id(), tape_.damage_));
  uint64_t messages_lost = 0;
  for (const Loss& loss : losses) {
    messages_lost += loss.count;
    if (loss.cause == LossCause::kLostRecords && loss.lane.value < kLanesMax) lost_records_.push_back(loss);
  }
  Manifest& manifest = tape_.manifest_;
  if (!is_sealed()) {
    manifest.gaps = losses.size();
    manifest.messages_lost = messages_lost;
  } else if (damage_before == tape_.damage_.size() &&
             (manifest.gaps != losses.size() || manifest.messages_lost != messages_lost)) {
    note({.file = fs::path(kLedgerName),
          .what = fmt::format("{} entries of {} messages, where the manifest says {} of {}", losses.size(),
                              messages_lost, manifest.gaps, manifest.messages_lost)});
  }
  return {};
}

}  // namespace tapedeck::tape
