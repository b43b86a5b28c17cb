#include "engine/tape/lost_records.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace tapedeck::tape {
namespace {

// Records that are on the tape, or that the ledger tells of.
struct Stretch {
  uint64_t first = 0;
  uint64_t end = 0;
  Nanos time{};  // of the first of them
  auto operator<=>(const Stretch&) const = default;
};
using Stretches = std::map<Lane, std::vector<Stretch>>;

Stretches known_stretches(const TapeReader& tape) {
  Stretches known;
  for (const LaneContents& lane : tape.lanes()) {
    for (const Segment& segment : lane.segments) {
      for (const BlockRef& block : segment.index.blocks) {
        const uint64_t first = block.first_sequence.value;
        known[lane.summary.lane].push_back({first, first + block.record_count, block.time_min});
      }
    }
  }
  std::map<Lane, uint64_t> lost;
  for (const Loss& loss : tape.lost_records()) {
    known[loss.lane].push_back({loss.first, loss.first + loss.count, loss.time});
    lost[loss.lane] += loss.count;
  }
  for (const LaneSummary& lane : tape.manifest().lanes) {
    if (!tape.manifest().sealed || lane.kind != LaneKind::kData) continue;
    const uint64_t end = lane.records + lost[lane.lane];
    known[lane.lane].push_back({end, end, Nanos(lane.time_max_ns)});
  }
  return known;
}

}  // namespace

std::vector<Loss> find_lost_records(const TapeReader& tape) {
  std::vector<Loss> losses;
  for (auto& [lane, stretches] : known_stretches(tape)) {
    std::ranges::sort(stretches);
    uint64_t due = 0;
    for (const Stretch& stretch : stretches) {
      if (stretch.first > due) {
        losses.push_back({.cause = LossCause::kLostRecords,
                          .lane = lane,
                          .first = due,
                          .count = stretch.first - due,
                          .time = stretch.time,
                          .session = {}});
      }
      due = std::max(due, stretch.end);
    }
  }
  return losses;
}

std::vector<Loss> still_missing(const Loss& loss, const std::vector<Segment>& segments) {
  std::vector<Loss> parts;
  uint64_t due = loss.first;
  const uint64_t end = loss.first + loss.count;
  const auto add_until = [&](uint64_t until) {
    if (until <= due) return;
    parts.push_back(loss);
    parts.back().first = due;
    parts.back().count = until - due;
  };
  for (const Segment& segment : segments) {
    for (const BlockRef& block : segment.index.blocks) {
      add_until(std::min(block.first_sequence.value, end));
      due = std::max(due, block.first_sequence.value + block.record_count);
    }
  }
  add_until(end);
  return parts;
}

}  // namespace tapedeck::tape
