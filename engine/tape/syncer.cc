#include "engine/tape/syncer.h"

#include <utility>

#include "engine/core/file.h"

namespace tapedeck::tape {

namespace fs = std::filesystem;

Syncer::Syncer(fs::path tape, Durability durability, int64_t interval_ns)
    : tape_(std::move(tape)),
      durability_(durability),
      interval_(durability == Durability::kInterval ? interval_ns : 0) {
  if (durability_ != Durability::kNone) thread_ = std::thread([this] { run(); });
}

Syncer::~Syncer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Syncer::note_written(const fs::path& file, bool sealed) {
  if (durability_ == Durability::kNone || (durability_ == Durability::kSegment && !sealed)) return;
  const std::lock_guard lock(mutex_);
  if (waiting_.insert(file).second) changed_.notify_all();
}

core::Status Syncer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

core::Status Syncer::finish() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  sync(std::exchange(waiting_, {}));
  return failure();
}

void Syncer::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (changed_.wait_for(lock, interval_, [this] { return stop_; })) return;
    const Paths files = std::exchange(waiting_, {});
    lock.unlock();
    sync(files);
    lock.lock();
  }
}

// A file's name is on the disk when the directories above it are, up to the one that holds the tape.
void Syncer::add_directories(const fs::path& file, Paths& directories) const {
  fs::path at = file;
  do {
    at = at.parent_path();
    directories.insert(at);
  } while (at != tape_);
  directories.insert(tape_.has_parent_path() ? tape_.parent_path() : fs::path("."));
}

void Syncer::sync(const Paths& files) {
  Paths directories;
  for (const fs::path& file : files) {
    note(core::sync_file(file));
    if (known_.insert(file).second) add_directories(file, directories);
  }
  for (const fs::path& directory : directories) note(core::sync_directory(directory));
}

void Syncer::note(const core::Status& status) {
  const std::lock_guard lock(mutex_);
  if (failure_ && !status) failure_ = status;
}

}  // namespace tapedeck::tape
