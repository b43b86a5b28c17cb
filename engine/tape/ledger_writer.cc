#include "engine/tape/ledger_writer.h"

#include "engine/tape/index_reader.h"

namespace tapedeck::tape {
namespace {

constexpr size_t kLossesPerFrame = 4096;

}  // namespace

core::Result<LedgerWriter> LedgerWriter::create(const std::filesystem::path& path, TapeId tape, Nanos created) {
  TD_ASSIGN(SegmentWriter segment,
            SegmentWriter::create(path, {.tape = tape, .kind = LaneKind::kLedger, .created = created}));
  return LedgerWriter(std::move(segment));
}

core::Result<LedgerWriter> LedgerWriter::reopen(const std::filesystem::path& path, TapeId tape, Nanos created) {
  const SegmentIdentity identity{.tape = tape, .kind = LaneKind::kLedger, .created = created};
  SegmentHeader expected;
  expected.lane_kind = static_cast<uint8_t>(identity.kind);
  expected.tape_id = tape.value;
  TD_ASSIGN(SegmentScanner scanner, SegmentScanner::open(path, expected));
  if (scanner.header().lane_kind != expected.lane_kind) {
    return core::fail_with(core::ExitCode::kDamaged, "{} is a segment of a lane, misplaced", path.string());
  }
  std::vector<DamageReport> told_by_the_reader;
  TD_ASSIGN(const RebuiltSegment found, rebuild_segment(scanner, path, told_by_the_reader));
  const SegmentContents contents{
      .size = found.end + found.torn_size, .index = {}, .frames = found.ledger_frames, .entries = found.ledger_entries};
  TD_ASSIGN(SegmentWriter segment, SegmentWriter::reopen(path, identity, contents, scanner.header_is_sound()));
  return LedgerWriter(std::move(segment));
}

core::Status LedgerWriter::note(const Loss& loss) {
  if (waiting_.size() == kLossesPerFrame) TD_TRY(flush());
  waiting_.push_back(loss);
  return {};
}

core::Status LedgerWriter::flush() {
  if (waiting_.empty()) return {};
  TD_TRY(segment_.write_entries(kLedgerMagic, static_cast<uint32_t>(waiting_.size()), encode_losses(waiting_)));
  waiting_.clear();
  return {};
}

core::Status LedgerWriter::seal() {
  TD_TRY(flush());
  if (is_sealed_) return {};
  TD_TRY(segment_.seal({}));
  is_sealed_ = true;
  return {};
}

}  // namespace tapedeck::tape
