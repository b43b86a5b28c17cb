// A tape of any bytes: opened, walked, verified, merged, as by the file tools. The first byte of the input tells
// whether checksums are put right; then come the tape's files, each a piece.
#include "engine/core/crc32c.h"
#include "engine/tape/lane_cursor.h"
#include "engine/tape/ordered_merge.h"
#include "engine/tape/verify.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"
#include "tests/scratch_folder.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;
using Digests = std::map<core::Lane, tape::LaneDigest>;

constexpr std::string_view kFiles[] = {"manifest.json",        "lane-0000/000000.seg", "lane-0000/000001.seg",
                                       "lane-0001/000000.seg", "lane-0001/000001.seg", "ledger.seg"};

ByteVector repaired(std::string_view name, Bytes bytes) {
  if (name == kFiles[0]) return copy_of(core::as_bytes(repair_manifest(core::as_text(bytes))));
  ByteVector file = copy_of(bytes);
  repair_segment(file);
  return file;
}

fs::path write_tape(const ScratchFolder& scratch, Input input) {
  const fs::path path = scratch.cleared("t.tape");
  const bool repair = (input.byte() & 1) != 0;
  for (const std::string_view name : kFiles) {
    const Bytes bytes = input.piece();
    if (bytes.empty()) continue;
    scratch.write(fmt::format("t.tape/{}", name), core::as_text(repair ? repaired(name, bytes) : copy_of(bytes)));
  }
  return path;
}

// What is said to be the digest, once more from the records one by one.
Digests digests_by_hand(const tape::TapeReader& tape) {
  Digests digests;
  for (const tape::LaneContents& lane : tape.lanes()) {
    tape::LaneCursor cursor(tape, lane);
    for (auto item = cursor.next(); item != tape::LaneCursor::Item::kEnd; item = cursor.next()) {
      if (item == tape::LaneCursor::Item::kDamage) continue;
      if (tape::check_records(cursor.block()) != tape::Damage::kNone) continue;
      tape::LaneDigest& digest = digests[lane.summary.lane];
      for (const tape::RecordView record : cursor.block()) {
        digest.crc = core::crc32c(record.bytes(), digest.crc);
        ++digest.records;
      }
    }
  }
  return digests;
}

uint64_t count_merged(const tape::TapeReader& tape) {
  uint64_t records = 0;
  tape::OrderedMerge merge(tape, [](const tape::DamageReport&) {});
  while (merge.next()) ++records;
  return records;
}

uint64_t sum_of(const Digests& digests) {
  uint64_t records = 0;
  for (const auto& [lane, digest] : digests) records += digest.records;
  return records;
}

void read_everything(const tape::TapeReader& tape) {
  const auto verification = tape::verify(tape);
  TD_CHECK(verification.has_value());
  std::vector<tape::DamageReport> damage = tape.damage();
  const Digests digests = tape::compute_digests(tape, damage);
  TD_CHECK(digests == digests_by_hand(tape));
  const uint64_t merged = count_merged(tape);
  TD_CHECK(tape.losses().has_value());
  for (const tape::DamageReport& part : verification->damage) TD_CHECK(!tape::to_sentence(part).empty());
  TD_CHECK(sum_of(verification->digests) == verification->records);
  if (!verification->clean()) return;
  // Nothing is damaged, so everybody reads the same, and as much as the tape says.
  TD_CHECK(damage.empty());
  TD_CHECK(digests == verification->digests);
  TD_CHECK(verification->records == tape.totals().records && merged == verification->records);
  TD_CHECK(verification->records_lost == 0 && verification->damaged_blocks == 0);
}

}  // namespace

void run_one(Bytes input) {
  static const ScratchFolder scratch = ScratchFolder::in_memory();
  const fs::path path = write_tape(scratch, Input(input));
  const auto tape = tape::TapeReader::open(path, {.topic_blocks = true});
  if (!tape) {
    TD_CHECK(!tape.error().message.empty());
    return;
  }
  read_everything(*tape);
}

}  // namespace tapedeck::fuzz
