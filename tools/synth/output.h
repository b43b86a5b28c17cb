// An output, a file or a tape, that stands under its name only when it is whole: it is made beside it, as NAME.new, and
// renamed at the end. Destruction before finish() removes what was made so far, as does the next begin() after a crash.
// One thread.
#pragma once

#include <filesystem>

#include "engine/core/status.h"

namespace tapedeck::synth {

class Output {
 public:
  enum class Kind { kFile, kTape };

  // Fails where `path` exists, unless `replace` allows to replace it by something of the same kind.
  [[nodiscard]] static core::Result<Output> begin(std::filesystem::path path, Kind kind, bool replace);
  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  ~Output();

  // Where to make it. Nothing is there.
  [[nodiscard]] const std::filesystem::path& unfinished() const { return unfinished_; }
  // Gives it its name, and removes what it replaces.
  [[nodiscard]] core::Status finish();

 private:
  Output(std::filesystem::path path, std::filesystem::path unfinished, Kind kind);

  std::filesystem::path path_;
  std::filesystem::path unfinished_;  // empty when finished or moved from
  Kind kind_;
};

}  // namespace tapedeck::synth
