// Files and directories with errors that name the path and what the system said. A File owns its handle. Reads and
// writes are whole or an error, and go on after EINTR. Not for sharing between threads, except read_at.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/core/bytes.h"
#include "engine/core/status.h"

namespace tapedeck::core {

inline constexpr size_t kPageSize = 4096;

class File {
 public:
  enum class Mode {
    kRead,
    kReadDirect,  // past the page cache, with read_pages; where the file system cannot do that, the same as kRead
    kCreate,      // refuses a file that exists
    kUpdate,      // refuses one that does not
  };

  [[nodiscard]] static Result<File> open(const std::filesystem::path& path, Mode mode);

  File() = default;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] Result<uint64_t> size() const;

  // Fills `out` from `offset`. A file that ends before is an error (kDamaged), never SIGBUS.
  [[nodiscard]] Status read_at(uint64_t offset, MutableBytes out) const;
  // The same for [offset, offset + size), which then stand at out[offset % kPageSize]. `out` is aligned to kPageSize
  // and has room for size + 2 * kPageSize: whole pages are read.
  [[nodiscard]] Status read_pages(uint64_t offset, size_t size, MutableBytes out) const;
  // Appends all of `bytes`. After an error the file may end in a part of them.
  [[nodiscard]] Status append(Bytes bytes);
  // Writes over what is at `offset`; may make the file longer. Appending goes on at the file's end.
  [[nodiscard]] Status write_at(uint64_t offset, Bytes bytes);
  [[nodiscard]] Status truncate(uint64_t size);
  [[nodiscard]] Status sync();
  [[nodiscard]] Status close();

 private:
  [[nodiscard]] Status ends_at(uint64_t offset, size_t bytes_short) const;
  [[nodiscard]] bool stop_reading_directly() const;
  [[nodiscard]] Result<size_t> read_up_to(uint64_t offset, MutableBytes out) const;
  [[nodiscard]] Status seek_to_end();

  int fd_ = -1;
  std::filesystem::path path_;
};

// A lock on a directory, held until destruction and gone with the process however it ends (flock). Never waits.
class DirectoryLock {
 public:
  enum class Kind { kShared, kExclusive };
  // `busy_hint` ends the sentence when somebody else holds it: "X is in use: " + busy_hint.
  [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory, Kind kind,
                                                  std::string_view busy_hint);
  DirectoryLock() = default;
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  int fd_ = -1;
};

[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path, uint64_t size_max = 1u << 28);
// Writes to a temporary file beside `path`, syncs it and renames it, so that a reader sees the old text or the new.
[[nodiscard]] Status replace_text_file(const std::filesystem::path& path, std::string_view text);
// Waits until what was written to a file, or which names a directory has, is on the disk.
[[nodiscard]] Status sync_file(const std::filesystem::path& path);
[[nodiscard]] Status sync_directory(const std::filesystem::path& path);
[[nodiscard]] Status make_directory(const std::filesystem::path& path);  // an existing one is fine
[[nodiscard]] std::string system_error(int error_number);

}  // namespace tapedeck::core
