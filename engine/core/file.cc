#include "engine/core/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tapedeck::core {

std::string system_error(int error_number) { return std::generic_category().message(error_number); }

namespace {

int flags_of(File::Mode mode) {
  switch (mode) {
    case File::Mode::kRead: return O_RDONLY;
    case File::Mode::kReadDirect: return O_RDONLY | O_DIRECT;
    case File::Mode::kCreate: return O_RDWR | O_CREAT | O_EXCL;
    case File::Mode::kUpdate: return O_RDWR;
  }
  return O_RDONLY;
}

std::string_view verb_of(File::Mode mode) {
  switch (mode) {
    case File::Mode::kRead:
    case File::Mode::kReadDirect: return "open";
    case File::Mode::kCreate: return "create";
    case File::Mode::kUpdate: return "write to";
  }
  return "open";
}

}  // namespace

Result<File> File::open(const std::filesystem::path& path, Mode mode) {
  File file;
  file.fd_ = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0644);
  if (file.fd_ < 0 && mode == Mode::kReadDirect && errno == EINVAL) return open(path, Mode::kRead);
  if (file.fd_ < 0) return fail("cannot {} {}: {}", verb_of(mode), path.string(), system_error(errno));
  file.path_ = path;
  struct stat info {};
  if (fstat(file.fd_, &info) != 0) return fail("cannot stat {}: {}", path.string(), system_error(errno));
  if (S_ISDIR(info.st_mode)) return fail("{} is a directory, not a file", path.string());
  if (mode == Mode::kUpdate) TD_TRY(file.seek_to_end());
  return file;
}

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<uint64_t> File::size() const {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return fail("cannot stat {}: {}", path_.string(), system_error(errno));
  return static_cast<uint64_t>(info.st_size);
}

Status File::ends_at(uint64_t offset, size_t bytes_short) const {
  return fail_with(ExitCode::kDamaged, "{} ends at offset {}, {} bytes short: it was cut or is still being written",
                   path_.string(), offset, bytes_short);
}

Status File::read_at(uint64_t offset, MutableBytes out) const {
  TD_ASSIGN(const size_t size, read_up_to(offset, out));
  if (size == out.size()) return {};
  return ends_at(offset + size, out.size() - size);
}

Status File::read_pages(uint64_t offset, size_t size, MutableBytes out) const {
  const size_t lead = offset % kPageSize;
  const size_t whole = (lead + size + kPageSize - 1) / kPageSize * kPageSize;
  TD_CHECK(whole <= out.size());
  TD_ASSIGN(const size_t got, read_up_to(offset - lead, out.first(whole)));
  if (got >= lead + size) return {};  // the last page of a file is not whole
  return ends_at(offset - lead + got, lead + size - got);
}

// False if it was not opened for direct reading.
bool File::stop_reading_directly() const {
  const int flags = fcntl(fd_, F_GETFL);
  return (flags & O_DIRECT) != 0 && fcntl(fd_, F_SETFL, flags & ~O_DIRECT) == 0;
}

// Fills `out` as far as the file goes.
Result<size_t> File::read_up_to(uint64_t offset, MutableBytes out) const {
  size_t size = 0;
  while (size < out.size()) {
    const ssize_t n = ::pread(fd_, out.data() + size, out.size() - size, static_cast<off_t>(offset + size));
    if (n < 0 && errno == EINTR) continue;
    // A file system may accept O_DIRECT and refuse to read that way.
    if (n < 0 && errno == EINVAL && size == 0 && stop_reading_directly()) continue;
    // Past the end of a file that was opened for direct reading, an offset within a page may be refused.
    if (n < 0 && errno == EINVAL && size > 0) break;
    if (n < 0) return fail("cannot read {} at offset {}: {}", path_.string(), offset + size, system_error(errno));
    size += static_cast<size_t>(n);
    if (n == 0) break;
  }
  return size;
}

Status File::append(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("cannot write {}: {}", path_.string(), system_error(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status File::write_at(uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("cannot write {} at offset {}: {}", path_.string(), offset, system_error(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return seek_to_end();
}

Status File::truncate(uint64_t size) {
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    return fail("cannot truncate {}: {}", path_.string(), system_error(errno));
  }
  return seek_to_end();
}

Status File::seek_to_end() {
  if (lseek(fd_, 0, SEEK_END) < 0) return fail("cannot seek in {}: {}", path_.string(), system_error(errno));
  return {};
}

Status File::sync() {
  if (fdatasync(fd_) != 0) return fail("cannot sync {}: {}", path_.string(), system_error(errno));
  return {};
}

Status File::close() {
  if (::close(std::exchange(fd_, -1)) != 0) return fail("cannot close {}: {}", path_.string(), system_error(errno));
  return {};
}

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory, Kind kind,
                                          std::string_view busy_hint) {
  DirectoryLock lock;
  lock.fd_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock.fd_ < 0) return fail("cannot open {}: {}", directory.string(), system_error(errno));
  if (flock(lock.fd_, (kind == Kind::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail("{} is in use: {}", directory.string(), busy_hint);
    return fail("cannot lock {}: {}", directory.string(), system_error(errno));
  }
  return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> read_text_file(const std::filesystem::path& path, uint64_t size_max) {
  TD_ASSIGN(const File file, File::open(path, File::Mode::kRead));
  // To its end rather than to its size, which pipes and /proc give as zero.
  std::string text;
  for (size_t size = 0;;) {
    if (size > size_max) return fail("{} has more than the {} bytes it may have", path.string(), size_max);
    if (size == text.size()) text.resize(std::max<size_t>(4096, 2 * size));
    const ssize_t n = ::read(file.fd(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("cannot read {}: {}", path.string(), system_error(errno));
    size += static_cast<size_t>(n);
    if (n > 0) continue;
    text.resize(size);
    return text;
  }
}

Status replace_text_file(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  ::unlink(temporary.c_str());  // left by a process that was killed here
  TD_ASSIGN(File file, File::open(temporary, File::Mode::kCreate));
  Status written = file.append(as_bytes(text)).and_then([&] { return file.sync(); });
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    if (!written) return written;
    return fail("cannot replace {}: {}", path.string(), system_error(error));
  }
  return {};
}

Status sync_file(const std::filesystem::path& path) {
  TD_ASSIGN(File file, File::open(path, File::Mode::kRead));
  return file.sync();
}

Status sync_directory(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail("cannot open {}: {}", path.string(), system_error(errno));
  const int error = fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return fail("cannot sync {}: {}", path.string(), system_error(error));
  return {};
}

Status make_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directory(path, error);
  if (error) return fail("cannot create the directory {}: {}", path.string(), error.message());
  return {};
}

}  // namespace tapedeck::core
