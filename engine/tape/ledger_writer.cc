#include "engine/tape/ledger_writer.h"

namespace tapedeck::tape {
namespace {

constexpr size_t kLossesPerFrame = 4096;

}  // namespace

core::Result<LedgerWriter> LedgerWriter::create(const std::filesystem::path& path, TapeId tape, Nanos created) {
  TD_ASSIGN(SegmentWriter segment,
            SegmentWriter::create(path, {.tape = tape, .kind = LaneKind::kLedger, .created = created}));
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
