// Writes ledger.seg, the loss ledger of a tape: a segment of kind ledger with frames of entries. For one thread; owned
// by TapeWriter, or by recover. Entries are written a frame at a time; `flush` writes those that wait.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/tape/ledger.h"
#include "engine/tape/segment_writer.h"

namespace tapedeck::tape {

class LedgerWriter {
 public:
  [[nodiscard]] static core::Result<LedgerWriter> create(const std::filesystem::path& path, TapeId tape, Nanos created);
  // Goes on with the ledger at `path`, sealed or not, behind all that it holds, sound or damaged. Fails with kDamaged
  // where it is no ledger of this tape.
  [[nodiscard]] static core::Result<LedgerWriter> reopen(const std::filesystem::path& path, TapeId tape, Nanos created);
  [[nodiscard]] core::Status note(const Loss& loss);
  [[nodiscard]] core::Status flush();
  [[nodiscard]] core::Status seal();
  [[nodiscard]] uint64_t bytes() const { return segment_.size(); }

 private:
  explicit LedgerWriter(SegmentWriter segment) : segment_(std::move(segment)) {}

  SegmentWriter segment_;
  std::vector<Loss> waiting_;
  bool is_sealed_ = false;
};

}  // namespace tapedeck::tape
