// Runs a fuzz target over the files of the folders given, where there is no fuzzer: what was found once is tested in
// every build. A folder that does not exist has no files; fails where there is none at all.
#include <filesystem>

#include "engine/core/file.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;

core::Status run_file(const fs::path& path) {
  fmt::print("{}\n", path.string());
  TD_ASSIGN(const std::string bytes, core::read_text_file(path));
  run_one(core::as_bytes(bytes));
  return {};
}

core::Result<size_t> run_folder(const fs::path& folder) {
  size_t files = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    TD_TRY(run_file(entry.path()));
    ++files;
  }
  return files;
}

core::Status run_folders(int count, char** folders) {
  size_t files = 0;
  for (int i = 0; i < count; ++i) {
    TD_ASSIGN(const size_t more, run_folder(folders[i]));
    files += more;
  }
  if (files == 0) return core::fail("no input files");
  fmt::print("{} inputs\n", files);
  return {};
}

}  // namespace
}  // namespace tapedeck::fuzz

int main(int argc, char** argv) {
  const tapedeck::core::Status done = tapedeck::fuzz::run_folders(argc - 1, argv + 1);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
