#include "replay/paced_player.h"

#include <algorithm>

namespace tapedeck::replay {
namespace {

constexpr int64_t kSleepMax_ns = 100'000'000;

}  // namespace

PacedPlayer::PacedPlayer(const Pace& pace, TapeClock& tape_clock, core::BoundedQueue<Run>& runs, Publisher& publisher,
                         const core::StopFlag& stop, const core::Clock& clock)
    : pace_(pace),
      tape_clock_(tape_clock),
      runs_(runs),
      publisher_(publisher),
      stop_(stop),
      clock_(clock),
      last_due_(pace.start) {}

const PacedLane* PacedPlayer::earliest() const {
  const PacedLane* best = nullptr;
  for (const auto& [id, lane] : lanes_) {
    if (!lane.empty() && (best == nullptr || lane.due() < best->due())) best = &lane;
  }
  return best;
}

// Moves runs to their lanes until no run that is still to come can hold an earlier record than those at hand: runs come
// in the order of their first record. So no lane ever holds more than one run. False at the end of everything.
bool PacedPlayer::fetch_runs(const std::function<void()>& keep_house) {
  for (;;) {
    if (!fetched_ && !runs_.exhausted()) fetched_ = runs_.pop(transport::kPollInterval);
    const PacedLane* next = earliest();
    if (!fetched_) {
      if (runs_.exhausted()) return next != nullptr;
      if (stop_.requested()) return false;
      keep_house();
      continue;
    }
    const bool new_pass = fetched_->pass + 1 > passes_;
    if (next != nullptr && (new_pass || next->due() <= fetched_->order_time)) return true;
    if (new_pass) start_pass(fetched_->pass);
    lanes_.try_emplace(fetched_->lane, fetched_->lane).first->second.add(std::move(*fetched_));
    fetched_.reset();
  }
}

// A pass begins when the tape time of the one before has passed.
void PacedPlayer::start_pass(uint32_t pass) {
  if (pass > 0) {
    tape_seconds_ += static_cast<double>(pace_.end - pace_.start) * 1e-9;
    last_due_ = pace_.start;
  }
  passes_ = pass + 1;
}

bool PacedPlayer::wait_until(int64_t deadline_ns, const std::function<void()>& keep_house) {
  for (;;) {
    keep_house();
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns >= deadline_ns) return !stop_.requested();
    if (!clock_.sleep_until(std::min(deadline_ns, now_ns + kSleepMax_ns), stop_)) return false;
  }
}

void PacedPlayer::run(const std::function<void()>& keep_house) {
  while (fetch_runs(keep_house)) {
    if (!wait_until(deadline_ns(earliest()->due()), keep_house)) break;
    if (!send_due()) break;
  }
  if (passes_ > 0) tape_seconds_ += static_cast<double>(last_due_ - pace_.start) * 1e-9;
}

void PacedPlayer::run_in_order(const std::function<void()>& keep_house) {
  while (!runs_.exhausted() && !stop_.requested()) {
    auto next = runs_.pop(transport::kPollInterval);
    if (!next) {
      keep_house();
      continue;
    }
    if (next->pass + 1 > passes_) start_pass(next->pass);
    last_due_ = next->order_time;
    if (!wait_until(deadline_ns(last_due_), keep_house)) break;
    const int64_t now_ns = clock_.monotonic_ns();
    tape_clock_.slip_if_late(pass(), last_due_, now_ns, pace_.late_limit_ns);
    const int64_t due_ns = deadline_ns(last_due_);
    const uint64_t records = next->piece.records;
    const auto scheduled_ns = static_cast<uint64_t>(static_cast<int64_t>(clock_.now().value) - now_ns + due_ns);
    if (!publisher_.send(std::move(*next), scheduled_ns)) break;
    pacing_.record(static_cast<uint64_t>(std::max<int64_t>(clock_.monotonic_ns() - due_ns, 0)), records);
  }
  if (passes_ > 0) tape_seconds_ += static_cast<double>(last_due_ - pace_.start) * 1e-9;
}

std::map<core::Lane, uint64_t> PacedPlayer::records_lost() const {
  std::map<core::Lane, uint64_t> lost;
  for (const auto& [id, lane] : lanes_) {
    if (lane.records_lost() > 0) lost[id] = lane.records_lost();
  }
  return lost;
}

bool PacedPlayer::send_due() {
  const int64_t now_ns = clock_.monotonic_ns();
  tape_clock_.slip_if_late(pass(), earliest()->due(), now_ns, pace_.late_limit_ns);
  const int64_t wall_minus_monotonic_ns = static_cast<int64_t>(clock_.now().value) - now_ns;
  const core::Nanos until = std::max(tape_clock_.time_at(pass(), now_ns), earliest()->due());
  for (auto& [id, lane] : lanes_) {
    while (!lane.empty() && lane.due() <= until) {
      Slice slice = lane.cut(until, pace_.slice_bytes_max);
      const int64_t due_ns = deadline_ns(slice.due);
      const uint64_t records = slice.piece.records;
      last_due_ = std::max(last_due_, slice.due);
      if (!publisher_.send(std::move(slice.message), id, pass(), slice.piece,
                           static_cast<uint64_t>(due_ns + wall_minus_monotonic_ns))) {
        return false;
      }
      pacing_.record(static_cast<uint64_t>(std::max<int64_t>(clock_.monotonic_ns() - due_ns, 0)), records);
    }
  }
  return true;
}

}  // namespace tapedeck::replay
