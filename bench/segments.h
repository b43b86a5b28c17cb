// The data segments of a tape as plain files, for bounds that know nothing of what is in them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <vector>

#include "engine/core/file.h"

namespace tapedeck::bench {

// In the order of their names; exits where one cannot be opened.
inline std::vector<core::File> open_segments(const std::filesystem::path& tape) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tape)) {
    if (entry.path().extension() == ".seg" && entry.path().parent_path() != tape) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<core::File> files;
  files.reserve(paths.size());
  for (const auto& path : paths) files.push_back(core::File::open(path, core::File::Mode::kRead).value());
  return files;
}

}  // namespace tapedeck::bench
