#include "engine/tape/tape_reader.h"

#include "engine/tape/ledger_reader.h"
#include "engine/tape/tape_opener.h"

namespace tapedeck::tape {

core::Result<TapeReader> TapeReader::open(const std::filesystem::path& path, const OpenOptions& options) {
  return TapeOpener(path, options).open();
}

core::Result<std::vector<Loss>> TapeReader::losses() const {
  std::vector<DamageReport> already_told;
  return read_ledger(path_, id(), already_told);
}

}  // namespace tapedeck::tape
