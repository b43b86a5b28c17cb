#include "engine/transport/pgm_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <vector>

#include "engine/transport/pgm_packet.h"

namespace tapedeck::transport {
namespace {

namespace fs = std::filesystem;

constexpr int kSocketInChild = 3;
constexpr size_t kLastWordsMax = 300;     // bytes
constexpr int kSocketBuffer = 512 << 10;  // bytes; a few packets, so that neither side waits for the other

bool is_program(const fs::path& path) { return access(path.c_str(), X_OK) == 0 && !fs::is_directory(path); }

// A pair of handles that programs started meanwhile do not inherit.
struct Pair {
  int ours = -1;
  int childs = -1;
  Pair() = default;
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    if (ours >= 0) close(ours);
    if (childs >= 0) close(childs);
  }
};

core::Status open_sockets(Pair& pair) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return core::fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  pair.ours = ends[0];
  pair.childs = ends[1];
  for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  return {};
}

// Full, it takes no more: a child that has much to say must not wait until it is read.
core::Status open_errors(Pair& pair) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return core::fail("cannot make a pipe: {}", std::strerror(errno));
  pair.ours = ends[0];
  pair.childs = ends[1];
  return {};
}

std::vector<std::string> arguments_for(PgmRole role, const MulticastSettings& settings) {
  return {"tapedeck",
          "pgm-line",
          role == PgmRole::kSend ? "send" : "receive",
          fmt::format("--endpoint={}://{};{}:{}", settings.scheme == Scheme::kPgm ? "pgm" : "epgm", settings.interface,
                      settings.group, settings.port),
          fmt::format("--rate={}", settings.rate_bit_per_s),
          fmt::format("--window={}", settings.window_bytes),
          fmt::format("--recovery={}", settings.recovery_ns),
          fmt::format("--mtu={}", settings.mtu_bytes),
          fmt::format("--hops={}", settings.hops),
          fmt::format("--buffer={}", settings.buffer_bytes),
          fmt::format("--fd={}", kSocketInChild)};
}

core::Result<pid_t> spawn(const std::string& program, std::vector<std::string> arguments, int socket, int errors,
                          const Scheduling& scheduling) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, kSocketInChild);
  posix_spawn_file_actions_addclosefrom_np(&actions, kSocketInChild + 1);
  // Whatever the calling thread blocks, the child must hear of its parent's end.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setschedpolicy(&attributes, scheduling.policy);
  posix_spawnattr_setschedparam(&attributes, &scheduling.parameters);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSCHEDULER);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return core::fail("cannot start {}: {}", program, std::strerror(error));
  sched_setaffinity(pid, sizeof scheduling.cpus, &scheduling.cpus);  // before it has started threads
  return pid;
}

bool wait_for(int socket, int timeout_ms) {
  pollfd handle{.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&handle, 1, timeout_ms) > 0;
}

}  // namespace

Scheduling scheduling_of_this_thread() {
  Scheduling scheduling{};
  sched_getaffinity(0, sizeof scheduling.cpus, &scheduling.cpus);
  scheduling.policy = sched_getscheduler(0);
  sched_getparam(0, &scheduling.parameters);
  return scheduling;
}

core::Result<std::string> find_tapedeck() {
  if (const char* named = std::getenv("TAPEDECK_PROGRAM")) {
    if (is_program(named)) return named;
    return core::fail("TAPEDECK_PROGRAM names {}, which is no program", named);
  }
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  // Also where its file was replaced since.
  if (self.filename() == "tapedeck" || self.filename() == "tapedeck (deleted)") return "/proc/self/exe";
  if (const fs::path beside = self.parent_path() / "tapedeck"; is_program(beside)) return beside.string();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (const fs::path program = fs::path(folder) / "tapedeck"; !folder.empty() && is_program(program)) {
      return program.string();
    }
  }
  return core::fail(
      "PGM runs in a process of its own, of the program `tapedeck`, which is neither beside {} nor on the PATH: "
      "install "
      "it, or name it in TAPEDECK_PROGRAM",
      self.string());
}

core::Result<std::unique_ptr<PgmProcess>> PgmProcess::start(const std::string& program, PgmRole role,
                                                            const MulticastSettings& settings,
                                                            const Scheduling& scheduling) {
  Pair sockets;
  Pair errors;
  TD_TRY(open_sockets(sockets));
  TD_TRY(open_errors(errors));
  TD_ASSIGN(const pid_t pid, spawn(program, arguments_for(role, settings), sockets.childs, errors.childs, scheduling));
  return std::unique_ptr<PgmProcess>(
      new PgmProcess(pid, std::exchange(sockets.ours, -1), std::exchange(errors.ours, -1)));
}

PgmProcess::~PgmProcess() {
  static_cast<void>(end());
  close(socket_);
  close(errors_);
}

std::optional<core::Status> PgmProcess::report(int timeout_ms) {
  if (!wait_for(socket_, timeout_ms)) return std::nullopt;
  std::string text(1024, '\0');
  const ssize_t size = recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (size <= 0) return core::fail("{}", end());
  text.resize(static_cast<size_t>(size));
  if (text == kPgmReady) return core::Status{};
  return core::fail("{}", text);
}

bool PgmProcess::finish(int timeout_ms) {
  shutdown(socket_, SHUT_WR);
  return wait_for(socket_, timeout_ms);
}

std::string PgmProcess::end() {
  if (pid_ < 0) return "ended before";
  // A child whose socket is closed is about to end by itself, and how it does is what we want to know.
  pollfd handle{.fd = socket_, .events = 0, .revents = 0};
  if (poll(&handle, 1, 0) == 0 || (handle.revents & POLLHUP) == 0) kill(pid_, SIGKILL);
  int status = 0;
  pid_t waited = -1;
  do {
    waited = waitpid(pid_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  pid_ = -1;
  const std::string words = last_words();
  const std::string how = waited < 0            ? "in an unknown way"
                          : WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                                : fmt::format("exit code {}", WEXITSTATUS(status));
  return words.empty() ? how : fmt::format("{}: {}", how, words);
}

std::string PgmProcess::last_words() const {
  std::string text;
  char part[4096];
  for (ssize_t size; (size = read(errors_, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(size));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);  // npos + 1 is 0
  if (text.size() > kLastWordsMax) text.resize(kLastWordsMax);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

}  // namespace tapedeck::transport
