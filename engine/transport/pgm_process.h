// The child process of a PGM line, as its parent sees it: `tapedeck pgm-line`, which runs OpenPGM (pgm_child.h), with a
// socket to it. Belongs to one thread at a time. A child ends when its parent does, however that ends.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/status.h"
#include "engine/transport/multicast.h"

namespace tapedeck::transport {

enum class PgmRole { kSend, kReceive };

// Where and how a thread runs: its CPUs, and its scheduling.
struct Scheduling {
  cpu_set_t cpus;
  int policy;
  sched_param parameters;
};
[[nodiscard]] Scheduling scheduling_of_this_thread();

inline constexpr std::string_view kEndedWell = "exit code 0";

// The program that the child runs: what TAPEDECK_PROGRAM names, or this one, if it is `tapedeck`, or `tapedeck` beside
// it or on the PATH. Fails with what to do where there is none.
[[nodiscard]] core::Result<std::string> find_tapedeck();

class PgmProcess {
 public:
  // It runs as told, whatever thread starts it.
  [[nodiscard]] static core::Result<std::unique_ptr<PgmProcess>> start(const std::string& program, PgmRole role,
                                                                       const MulticastSettings& settings,
                                                                       const Scheduling& scheduling);
  ~PgmProcess();  // kills it
  PgmProcess(const PgmProcess&) = delete;
  PgmProcess& operator=(const PgmProcess&) = delete;

  [[nodiscard]] int socket() const { return socket_; }

  // What the child says about its start, waited for so long: that it runs, or why it does not. None: nothing yet.
  [[nodiscard]] std::optional<core::Status> report(int timeout_ms);
  // Lets it send what it has, and waits for its end. Whether it ended in time.
  [[nodiscard]] bool finish(int timeout_ms);
  // Ends it, if it has not ended, and gives how: "signal 6: Assertion failed: ...".
  [[nodiscard]] std::string end();

 private:
  PgmProcess(pid_t pid, int socket, int errors) : pid_(pid), socket_(socket), errors_(errors) {}
  [[nodiscard]] std::string last_words() const;

  pid_t pid_;
  int socket_;
  int errors_;  // what it writes to standard error
};

}  // namespace tapedeck::transport
