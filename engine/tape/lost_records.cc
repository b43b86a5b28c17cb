#include "engine/tape/lost_records.h"

#include <algorithm>
#include <limits>
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

// Of the blocks that the indexes list, ascending.
std::vector<Stretch> stretches_in(const std::vector<Segment>& segments) {
  std::vector<Stretch> stretches;
  for (const Segment& segment : segments) {
    for (const BlockRef& block : segment.index.blocks) {
      const uint64_t first = block.first_sequence.value;
      stretches.push_back({first, first + block.record_count, block.time_min});
    }
  }
  std::ranges::sort(stretches);
  return stretches;
}

Stretches known_stretches(const TapeReader& tape) {
  Stretches known;
  for (const LaneContents& lane : tape.lanes()) known[lane.summary.lane] = stretches_in(lane.segments);
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

std::vector<Loss> still_missing(std::vector<Loss> losses, const std::vector<Segment>& segments) {
  std::ranges::sort(losses, {}, &Loss::first);
  const std::vector<Stretch> blocks = stretches_in(segments);
  auto block = blocks.begin();
  std::vector<Loss> parts;
  uint64_t due = 0;  // all records before it are looked at
  for (const Loss& loss : losses) {
    due = std::max(due, loss.first);
    const uint64_t end = loss.first + std::min(loss.count, std::numeric_limits<uint64_t>::max() - loss.first);
    while (due < end) {
      block = std::find_if(block, blocks.end(), [&](const Stretch& b) { return b.end > due; });
      const uint64_t missing_until = block == blocks.end() ? end : std::min(block->first, end);
      if (missing_until > due) {
        parts.push_back(loss);
        parts.back().first = due;
        parts.back().count = missing_until - due;
        due = missing_until;
      } else {
        due = block->end;
      }
    }
  }
  return parts;
}

}  // namespace tapedeck::tape
