#include "engine/tape/ledger_reader.h"

#include "engine/tape/index_reader.h"
#include "engine/tape/manifest.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

core::Result<SegmentScanner> open_ledger(const fs::path& path, TapeId tape) {
  SegmentHeader expected;
  expected.lane_kind = static_cast<uint8_t>(LaneKind::kLedger);
  expected.tape_id = tape.value;
  TD_ASSIGN(SegmentScanner scanner, SegmentScanner::open(path, expected));
  if (scanner.header().lane_kind != expected.lane_kind) {
    return core::fail_with(core::ExitCode::kDamaged, "it is a segment of a lane, misplaced");
  }
  return scanner;
}

}  // namespace

core::Result<std::vector<Loss>> read_ledger(const fs::path& tape_path, TapeId tape, std::vector<DamageReport>& damage) {
  std::vector<Loss> losses;
  const fs::path path = tape_path / kLedgerName;
  if (std::error_code error; !fs::exists(path, error)) return losses;
  auto scanner = open_ledger(path, tape);
  if (!scanner) {
    if (scanner.error().code != core::ExitCode::kDamaged) return tl::unexpected(scanner.error());
    damage.push_back({.file = fs::path(kLedgerName), .what = scanner.error().message});
    return losses;
  }
  for (;;) {
    TD_ASSIGN(const auto item, scanner->next());
    if (item == SegmentScanner::Item::kEnd) break;
    if (item == SegmentScanner::Item::kDamage) {
      damage.push_back(part_damage(kLedgerName, scanner->damage()));
      continue;
    }
    const auto& frame = scanner->frame();
    if (frame.header.magic != kLedgerMagic) continue;
    const auto entries = decode_losses(body_of(frame.bytes, frame.header));
    if (!entries || entries->size() != frame.header.record_count) {
      const SegmentScanner::DamagedPart part{frame.offset, frame.bytes.size(), Damage::kStructure, true, frame.header};
      damage.push_back(part_damage(kLedgerName, part));
      continue;
    }
    losses.insert(losses.end(), entries->begin(), entries->end());
  }
  if (!scanner->sealed()) {
    damage.push_back({.file = fs::path(kLedgerName), .what = "the ledger is not sealed", .unfinished = true});
  }
  return losses;
}

}  // namespace tapedeck::tape
