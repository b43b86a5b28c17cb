// Keeps the child process of a PGM line running: starts it again when it has ended, at once, or after a while when it
// ends again and again, and tells the user. Never waits longer than it is told to. For one thread; restarts() for any.
#pragma once

#include <memory>
#include <string>

#include "engine/core/counter.h"
#include "engine/core/notices.h"
#include "engine/transport/pgm_process.h"

namespace tapedeck::transport {

class PgmSupervisor {
 public:
  PgmSupervisor(PgmRole role, const MulticastSettings& settings, core::Notices& notices);

  // The first start: fails where there is no program, or with what keeps it from running.
  [[nodiscard]] core::Status start();
  // Whether the process runs. Otherwise goes on with starting it, waiting for `timeout_ms` at most.
  [[nodiscard]] bool runs(int timeout_ms);
  // Tells that it has closed its socket.
  void ended();
  // Ends it, and starts another.
  [[nodiscard]] core::Status replace();

  // Of the process; -1 while there is none.
  [[nodiscard]] int socket() const { return process_ ? process_->socket() : -1; }
  [[nodiscard]] PgmProcess* process() { return process_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  // How often it was started again after it had ended by itself.
  [[nodiscard]] uint64_t restarts() const { return restarts_.get(); }

 private:
  [[nodiscard]] core::Status launch();
  void go_on_starting(int timeout_ms);
  void failed(const std::string& how);
  void succeeded();
  void mind_stability();

  const PgmRole role_;
  const MulticastSettings settings_;
  const std::string name_;  // "the PGM process of 239.192.1.1:5555 on eth1"
  core::Notices& notices_;
  const Scheduling scheduling_;  // of whoever made it, and so of each process: a line's thread may have a place since
  std::string program_;
  std::unique_ptr<PgmProcess> process_;
  bool is_ready_ = false;
  int64_t launched_ns_ = 0;  // monotonic, as all of these
  int64_t ready_ns_ = 0;     // since when it runs
  int64_t ended_ns_ = 0;     // since when it has not run; 0: it runs, or has not yet
  int64_t next_start_ns_ = 0;
  std::string how_;          // it last ended
  unsigned quick_ends_ = 0;  // in a row
  core::Counter restarts_;
};

}  // namespace tapedeck::transport
