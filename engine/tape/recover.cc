#include "engine/tape/recover.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/tape/lane_cursor.h"
#include "engine/tape/ledger_writer.h"
#include "engine/tape/lost_records.h"
#include "engine/tape/segment_repair.h"
#include "engine/tape/syncer.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

// The manifest does not say it any more: lz4 if any block is compressed with it.
core::Result<Codec> find_codec(const TapeReader& tape) {
  for (const LaneContents& lane : tape.lanes()) {
    LaneCursor cursor(tape, lane);
    for (auto item = cursor.next(); item != LaneCursor::Item::kEnd; item = cursor.next()) {
      if (item == LaneCursor::Item::kBlock && codec_of(cursor.block().header) != Codec::kNone) {
        return codec_of(cursor.block().header);
      }
    }
  }
  return Codec::kNone;
}

bool is_about(const DamageReport& damage, std::string_view file) { return damage.file == file; }

class Recoverer {
 public:
  Recoverer(const fs::path& path, const RepairListener& listener)
      : path_(path.has_filename() ? path : path.parent_path()), listener_(listener) {}

  core::Result<Recovery> run() {
    TD_ASSIGN(const auto lock, core::DirectoryLock::take(path_, core::DirectoryLock::Kind::kExclusive,
                                                         "another program records or replays this tape"));
    TD_ASSIGN(const TapeReader tape, TapeReader::open(path_));
    if (tape.id().value == 0) {
      return core::fail_with(core::ExitCode::kDamaged, "neither manifest nor segments of {} say which tape it is",
                             path_.string());
    }
    for (const DamageReport& part : tape.damage()) {
      if (!part.unfinished) result_.damage.push_back(part);
    }
    for (const LaneContents& lane : tape.lanes()) TD_TRY(repair_lane(tape, lane));
    TD_TRY(repair_ledger(tape));
    TD_TRY(enter_losses());
    TD_TRY(write_manifest());
    TD_TRY(verify_all());
    return std::move(result_);
  }

 private:
  core::Status repair_lane(const TapeReader& tape, const LaneContents& lane) {
    SegmentHeader expected;
    expected.lane_kind = static_cast<uint8_t>(LaneKind::kData);
    expected.lane = lane.summary.lane.value;
    expected.tape_id = tape.id().value;
    expected.created_ns = tape.manifest().created.value;
    for (const Segment& segment : lane.segments) {
      expected.segment = segment.number;
      const bool is_last = &segment == &lane.segments.back();
      TD_ASSIGN(const SegmentRepair repair,
                SegmentRepair::plan(segment.path, expected, is_last && !tape.manifest().sealed));
      TD_TRY(carry_out(repair, segment.path));
      expected.first_sequence = repair.next_sequence().value;
    }
    return {};
  }

  core::Status repair_ledger(const TapeReader& tape) {
    const fs::path path = path_ / kLedgerName;
    if (std::error_code error; !fs::exists(path, error)) return {};
    SegmentHeader expected;
    expected.lane_kind = static_cast<uint8_t>(LaneKind::kLedger);
    expected.tape_id = tape.id().value;
    expected.created_ns = tape.manifest().created.value;
    const auto repair = SegmentRepair::plan(path, expected, !tape.manifest().sealed);
    if (repair) return carry_out(*repair, path);
    // Of another tape: the reader has told, and it stays as it is.
    return repair.error().code == core::ExitCode::kDamaged ? core::Status{} : tl::unexpected(repair.error());
  }

  core::Status carry_out(const SegmentRepair& repair, const fs::path& path) {
    if (!repair.is_needed()) return {};
    tell({path.lexically_relative(path_), repair.describe()});
    return repair.carry_out();
  }

  // While the old manifest still tells of them.
  core::Status enter_losses() {
    TD_ASSIGN(const TapeReader tape, TapeReader::open(path_));
    const std::vector<Loss> losses = find_lost_records(tape);
    if (losses.empty()) return {};
    uint64_t records = 0;
    for (const Loss& loss : losses) records += loss.count;
    tell({fs::path(kLedgerName), fmt::format("entering the loss of {} records", records)});
    return add_to_ledger(path_ / kLedgerName, tape, losses);
  }

  // To a copy that takes its place when it is whole, so that no moment leaves half an entry.
  static core::Status add_to_ledger(const fs::path& path, const TapeReader& tape, const std::vector<Loss>& losses) {
    fs::path copy = path;
    copy += ".new";
    std::error_code error;
    fs::remove(copy, error);  // left by a process that was killed here
    const bool exists = fs::exists(path, error);
    if (exists && !fs::copy_file(path, copy, error)) {
      return core::fail("cannot copy {}: {}", path.string(), error.message());
    }
    const Nanos created = tape.manifest().created;
    TD_ASSIGN(LedgerWriter ledger,
              exists ? LedgerWriter::reopen(copy, tape.id(), created) : LedgerWriter::create(copy, tape.id(), created));
    for (const Loss& loss : losses) TD_TRY(ledger.note(loss));
    TD_TRY(ledger.seal());
    TD_TRY(core::sync_file(copy));
    fs::rename(copy, path, error);
    if (error) return core::fail("cannot replace {}: {}", path.string(), error.message());
    return {};
  }

  // From what the segments say now. Of a sound manifest the rest is kept; of one that is lost, so are the sources.
  core::Status write_manifest() {
    TD_ASSIGN(const TapeReader tape, TapeReader::open(path_));
    Manifest manifest = tape.manifest();
    const bool is_lost = std::ranges::any_of(
        tape.damage(), [](const DamageReport& part) { return is_about(part, kManifestName) && !part.unfinished; });
    if (is_lost) {
      TD_ASSIGN(manifest.codec, find_codec(tape));
      manifest.lane_count = tape.lanes().empty() ? 0 : tape.lanes().back().summary.lane.value + 1;
    }
    manifest.sealed = true;
    std::erase_if(manifest.lanes, [](const LaneSummary& lane) { return lane.kind == LaneKind::kData; });
    for (const LaneContents& lane : tape.lanes()) manifest.lanes.push_back(lane.summary);
    std::ranges::sort(manifest.lanes, {}, &LaneSummary::lane);
    TD_TRY(count_losses(tape, manifest));
    const fs::path path = path_ / kManifestName;
    const std::string text = encode_manifest(manifest);
    const auto old = core::read_text_file(path);
    const bool holds = old && *old == text;
    if (!holds || !result_.repairs.empty()) TD_TRY(sync_all(tape));
    if (holds) return {};
    tell({fs::path(kManifestName), is_lost ? "writing it again from the segments; its sources are lost"
                                           : "writing what the segments say into it, and that the tape is sealed"});
    TD_TRY(core::replace_text_file(path, text));
    return core::sync_directory(path_);
  }

  // The recorder may have written without syncing, so this is not about what was repaired only.
  core::Status sync_all(const TapeReader& tape) const {
    Syncer syncer(path_, Durability::kSegment, 0);
    for (const LaneContents& lane : tape.lanes()) {
      for (const Segment& segment : lane.segments) syncer.note_written(segment.path, /*sealed=*/true);
    }
    if (std::error_code error; fs::exists(path_ / kLedgerName, error)) {
      syncer.note_written(path_ / kLedgerName, /*sealed=*/true);
    }
    return syncer.finish();
  }

  core::Status count_losses(const TapeReader& tape, Manifest& manifest) const {
    TD_ASSIGN(const std::vector<Loss> losses, tape.losses());
    manifest.gaps = losses.size();
    manifest.messages_lost = 0;
    for (const Loss& loss : losses) manifest.messages_lost += loss.count;
    std::error_code error;
    const uint64_t size = fs::file_size(path_ / kLedgerName, error);
    manifest.ledger_bytes = error ? 0 : size;
    return {};
  }

  core::Status verify_all() {
    TD_ASSIGN(const TapeReader tape, TapeReader::open(path_));
    TD_ASSIGN(result_.verification, verify(tape));
    const auto place = [](const DamageReport& d) { return std::tuple(d.file, d.offset, d.size, d.what); };
    for (const DamageReport& part : result_.verification.damage) {
      const bool is_told =
          std::ranges::any_of(result_.damage, [&](const DamageReport& told) { return place(told) == place(part); });
      if (!is_told) result_.damage.push_back(part);
    }
    return {};
  }

  void tell(Repair repair) {
    if (listener_) listener_(repair);
    result_.repairs.push_back(std::move(repair));
  }

  fs::path path_;
  const RepairListener& listener_;
  Recovery result_;
};

}  // namespace

core::Result<Recovery> recover(const fs::path& path, const RepairListener& listener) {
  return Recoverer(path, listener).run();
}

}  // namespace tapedeck::tape
