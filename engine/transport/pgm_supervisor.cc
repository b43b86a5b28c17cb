#include "engine/transport/pgm_supervisor.h"

#include <poll.h>

#include <algorithm>

#include "engine/core/clock.h"
#include "engine/core/parse.h"

namespace tapedeck::transport {
namespace {

constexpr int kFirstStart_ms = 10'000;                // at most
constexpr int64_t kStart_ns = 10'000'000'000;         // the same, of one that is started again
constexpr int64_t kStable_ns = 10'000'000'000;        // what ends sooner has ended quickly
constexpr int64_t kPausePerQuickEnd_ns = 10'000'000;  // but none after the first
constexpr int64_t kPauseMax_ns = 1'000'000'000;
constexpr unsigned kQuickEndsMax = 20;  // then the user hears that it fails, and no more of each end

int64_t now_ns() { return core::system_clock().monotonic_ns(); }

}  // namespace

PgmSupervisor::PgmSupervisor(PgmRole role, const MulticastSettings& settings, core::Notices& notices)
    : role_(role),
      settings_(settings),
      name_(fmt::format("the PGM process of {}:{} on {}", settings.group, settings.port, settings.nic)),
      notices_(notices),
      scheduling_(scheduling_of_this_thread()) {}

core::Status PgmSupervisor::launch() {
  is_ready_ = false;
  launched_ns_ = now_ns();
  TD_ASSIGN(process_, PgmProcess::start(program_, role_, settings_, scheduling_));
  return {};
}

core::Status PgmSupervisor::start() {
  TD_ASSIGN(program_, find_tapedeck());
  TD_TRY(launch());
  const std::optional<core::Status> report = process_->report(kFirstStart_ms);
  if (!report) return core::fail("{} does not start", name_);
  if (!*report) return core::fail("{} cannot run: {}", name_, report->error().message);
  is_ready_ = true;
  ready_ns_ = now_ns();
  return {};
}

core::Status PgmSupervisor::replace() {
  process_.reset();
  ended_ns_ = 0;
  return launch();
}

bool PgmSupervisor::runs(int timeout_ms) {
  if (!is_ready_) go_on_starting(timeout_ms);
  if (is_ready_ && quick_ends_ >= kQuickEndsMax) mind_stability();
  return is_ready_;
}

void PgmSupervisor::go_on_starting(int timeout_ms) {
  if (!process_) {
    const int64_t pause_ns = next_start_ns_ - now_ns();
    if (pause_ns > 0) {
      poll(nullptr, 0, static_cast<int>(std::min<int64_t>(timeout_ms, pause_ns / 1'000'000 + 1)));
      return;
    }
    if (const core::Status launched = launch(); !launched) return failed(launched.error().message);
  }
  const std::optional<core::Status> report = process_->report(timeout_ms);
  if (!report) {
    if (now_ns() - launched_ns_ > kStart_ns) failed("does not start");
  } else if (!*report) {
    failed(report->error().message);
  } else {
    succeeded();
  }
}

void PgmSupervisor::ended() { failed(process_->end()); }

void PgmSupervisor::failed(const std::string& how) {
  const int64_t now = now_ns();
  if (is_ready_ && now - ready_ns_ >= kStable_ns) quick_ends_ = 0;
  process_.reset();
  is_ready_ = false;
  how_ = how;
  ++quick_ends_;
  if (ended_ns_ == 0) ended_ns_ = now;
  const bool fails = quick_ends_ >= kQuickEndsMax;
  next_start_ns_ = now + (fails ? kPauseMax_ns : (quick_ends_ - 1) * kPausePerQuickEnd_ns);
  if (quick_ends_ == kQuickEndsMax) {
    notices_.add({fmt::format("{} ended {} times in a row, at last with {}; it is started again each {}", name_,
                              quick_ends_, how_, core::format_duration(kPauseMax_ns))});
  }
}

void PgmSupervisor::succeeded() {
  is_ready_ = true;
  ready_ns_ = now_ns();
  if (ended_ns_ == 0) return;  // it was replaced
  restarts_.add(1);
  if (quick_ends_ < kQuickEndsMax) {
    notices_.add({fmt::format("{} ended ({}); started again after {}", name_, how_,
                              core::format_duration(ready_ns_ - ended_ns_))});
  }
  ended_ns_ = 0;
}

void PgmSupervisor::mind_stability() {
  if (now_ns() - ready_ns_ < kStable_ns) return;
  quick_ends_ = 0;
  notices_.add({fmt::format("{} runs again", name_)});
}

}  // namespace tapedeck::transport
