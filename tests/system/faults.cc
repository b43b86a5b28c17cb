// Preloaded into the program by tests (LD_PRELOAD): plays a disk that fails, and logs the writes that have returned.
// Concerns files whose path contains $TAPEDECK_FAULT_PATH.
//   TAPEDECK_FAULT=CALL:N:WHAT   the Nth call (from 1) of write, pread, fdatasync or close fails with WHAT (EIO,
//   ENOSPC) and so
//                                do all later ones with WHAT+ (EIO+, ENOSPC+); KILL writes half of the bytes and ends
//                                the process with SIGKILL; SHRINK cuts the file to half of its size and goes on
//   TAPEDECK_FAULT_LOG=FILE      gets a line "PATH END" after each write, END being where the file ends then, and a
//   line
//                                "PATH synced" after each fdatasync
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Whether the file is one of those concerned; its path is put into `path`.
bool is_concerned(int fd, char (&path)[4096]) {
  const char* const part = std::getenv("TAPEDECK_FAULT_PATH");
  if (part == nullptr) return false;
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  return std::strstr(path, part) != nullptr;
}

// The fault that this call of `name` has; empty for none.
const char* fault_of(const char* name, std::atomic<long>& calls) {
  const char* const fault = std::getenv("TAPEDECK_FAULT");
  if (fault == nullptr) return "";
  const size_t length = std::strlen(name);
  if (std::strncmp(fault, name, length) != 0 || fault[length] != ':') return "";
  char* what = nullptr;
  const long number = std::strtol(fault + length + 1, &what, 10);
  const long call = ++calls;
  const bool goes_on = what[std::strlen(what) - 1] == '+';
  return call == number || (goes_on && call > number) ? what + 1 : "";
}

void log(const char* path, const char* what) {
  const char* const name = std::getenv("TAPEDECK_FAULT_LOG");
  if (name == nullptr) return;
  static const int file = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  char line[4200];
  const int size = std::snprintf(line, sizeof line, "%s %s\n", path, what);
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  if (real(file, line, static_cast<size_t>(size)) != size) std::abort();
}

void log_write(int fd, const char* path) {
  char end[32];
  std::snprintf(end, sizeof end, "%lld", static_cast<long long>(lseek(fd, 0, SEEK_CUR)));
  log(path, end);
}

// Sets errno where the fault is an error.
bool fails(const char* fault) {
  if (std::strncmp(fault, "EIO", 3) == 0)
    errno = EIO;
  else if (std::strncmp(fault, "ENOSPC", 6) == 0)
    errno = ENOSPC;
  else
    return false;
  return true;
}

void shrink(int fd, const char* path) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || truncate(path, info.st_size / 2) != 0) std::abort();
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  static std::atomic<long> calls;
  char path[4096];
  if (!is_concerned(fd, path)) return real(fd, bytes, size);
  const char* const fault = fault_of("write", calls);
  if (fails(fault)) return -1;
  if (std::strcmp(fault, "KILL") == 0) {
    real(fd, bytes, size / 2);
    kill(getpid(), SIGKILL);
  }
  const ssize_t written = real(fd, bytes, size);
  if (written > 0) log_write(fd, path);
  return written;
}

ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, void*, size_t, off_t)>("pread");
  static std::atomic<long> calls;
  char path[4096];
  if (!is_concerned(fd, path)) return real(fd, bytes, size, offset);
  const char* const fault = fault_of("pread", calls);
  if (fails(fault)) return -1;
  if (std::strcmp(fault, "SHRINK") == 0) shrink(fd, path);
  return real(fd, bytes, size, offset);
}

int close(int fd) {
  static auto* const real = next<int(int)>("close");
  static std::atomic<long> calls;
  char path[4096];
  const bool fault_is_due = is_concerned(fd, path) && fails(fault_of("close", calls));
  const int error = errno;
  const int result = real(fd);  // as the system does: the descriptor is gone, whatever close says
  if (!fault_is_due) return result;
  errno = error;
  return -1;
}

int fdatasync(int fd) {
  static auto* const real = next<int(int)>("fdatasync");
  static std::atomic<long> calls;
  char path[4096];
  if (!is_concerned(fd, path)) return real(fd);
  if (fails(fault_of("fdatasync", calls))) return -1;
  const int result = real(fd);
  log(path, "synced");
  return result;
}

}  // extern "C"
