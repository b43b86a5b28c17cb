#include "tools/synth/output.h"

#include <system_error>
#include <utility>

#include "engine/core/file.h"
#include "engine/tape/manifest.h"

namespace tapedeck::synth {
namespace {

namespace fs = std::filesystem;
using core::DirectoryLock;
using core::Status;

bool is_tape(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(fs::symlink_status(path, ignored)) && fs::exists(path / tape::kManifestName, ignored);
}

Status remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) return core::fail("cannot remove {}: {}", path.string(), error.message());
  return {};
}

// Only where nobody reads or writes it.
Status remove_tape(const fs::path& path) {
  TD_ASSIGN(const DirectoryLock lock,
            DirectoryLock::take(path, DirectoryLock::Kind::kExclusive, "another program writes or replays this tape"));
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return core::fail("cannot remove {}: {}", path.string(), error.message());
  return {};
}

// What a process left that was killed.
Status remove_leftover(const fs::path& path, Output::Kind kind) {
  std::error_code ignored;
  const fs::file_type type = fs::symlink_status(path, ignored).type();
  if (type == fs::file_type::not_found) return {};
  if (kind == Output::Kind::kTape && type == fs::file_type::directory) return remove_tape(path);
  if (kind == Output::Kind::kFile && type == fs::file_type::regular) return remove_file(path);
  return core::fail("{} is in the way: remove it, or give another name", path.string());
}

Status check_replaceable(const fs::path& path, Output::Kind kind, bool replace) {
  std::error_code ignored;
  const fs::file_type type = fs::symlink_status(path, ignored).type();
  if (type == fs::file_type::not_found) return {};
  if (!replace) return core::fail("{} exists: give another name, or --force to replace it", path.string());
  if (kind == Output::Kind::kTape ? is_tape(path) : type == fs::file_type::regular) return {};
  return core::fail("{} exists and is no {}: --force does not replace it", path.string(),
                    kind == Output::Kind::kTape ? "tape" : "regular file");
}

}  // namespace

core::Result<Output> Output::begin(fs::path path, Kind kind, bool replace) {
  if (!path.has_filename()) path = path.parent_path();  // "day.tape/"
  TD_TRY(check_replaceable(path, kind, replace));
  fs::path unfinished = path;
  unfinished += ".new";
  TD_TRY(remove_leftover(unfinished, kind));
  return Output(std::move(path), std::move(unfinished), kind);
}

Output::Output(fs::path path, fs::path unfinished, Kind kind)
    : path_(std::move(path)), unfinished_(std::move(unfinished)), kind_(kind) {}

Output::Output(Output&& other) noexcept
    : path_(std::move(other.path_)), unfinished_(std::exchange(other.unfinished_, {})), kind_(other.kind_) {}

Output::~Output() {
  std::error_code ignored;
  if (!unfinished_.empty()) fs::remove_all(unfinished_, ignored);
}

Status Output::finish() {
  if (kind_ == Kind::kTape && is_tape(path_)) TD_TRY(remove_tape(path_));
  std::error_code error;
  fs::rename(unfinished_, path_, error);
  if (error) return core::fail("cannot rename {} to {}: {}", unfinished_.string(), path_.string(), error.message());
  unfinished_.clear();
  return {};
}

}  // namespace tapedeck::synth
