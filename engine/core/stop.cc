#include "engine/core/stop.h"

#include <unistd.h>

#include <csignal>

#include "engine/core/status.h"

namespace tapedeck::core {
namespace {

StopFlag g_stop;

void on_signal(int) {
  if (g_stop.requested()) _exit(static_cast<int>(ExitCode::kInterrupted));
  g_stop.request();
}

}  // namespace

StopFlag& stop_on_signals() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_handler = on_signal;  // no SA_RESTART: blocking calls return with EINTR and look at the flag
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, not the end of a capture
    return true;
  }();
  static_cast<void>(installed);
  return g_stop;
}

}  // namespace tapedeck::core
