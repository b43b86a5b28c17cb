// Puts the files of a tape onto the disk while it is written, from a thread of its own, so that whoever records never
// waits for the disk. Owned by TapeWriter; whoever writes calls it, from any thread; costs a lookup for each block that
// is written. Errors of the disk are kept, and told by failure() and finish().
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "engine/core/status.h"

namespace tapedeck::tape {

// What of a tape that is being written survives a loss of power. (A program that is killed loses nothing that it has
// written, whatever is chosen here.)
enum class Durability : uint8_t {
  kNone,      // what the system has written by itself
  kSegment,   // segments that are sealed, soon after, and the whole tape once it is sealed
  kInterval,  // all but what was written within the last interval, and the whole tape once it is sealed
};

class Syncer {
 public:
  Syncer(std::filesystem::path tape, Durability durability, int64_t interval_ns);
  ~Syncer();  // does not sync what waits
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  // Something was appended to a file of the tape; `sealed` when it was the last.
  void note_written(const std::filesystem::path& file, bool sealed);
  // The first error so far; what could not be synced may be lost at a loss of power.
  [[nodiscard]] core::Status failure() const;
  // Syncs all that waits, in this thread, and gives failure().
  [[nodiscard]] core::Status finish();

 private:
  using Paths = std::set<std::filesystem::path>;

  void run();
  void sync(const Paths& files);
  void add_directories(const std::filesystem::path& file, Paths& directories) const;
  void note(const core::Status& status);

  const std::filesystem::path tape_;
  const Durability durability_;
  const std::chrono::nanoseconds interval_;
  Paths known_;  // files whose names are on the disk; for sync() alone, which one thread at a time calls
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by the mutex:
  Paths waiting_;
  core::Status failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace tapedeck::tape
