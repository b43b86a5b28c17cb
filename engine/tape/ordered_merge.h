// Merges the lanes of a tape into the order of arrival, ties included: within a source by ordinal; between sources by
// the running maximum of capture time, then source number. Ordinals may have gaps. For the file tools. One thread; one
// open block for each lane.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "engine/tape/lane_cursor.h"

namespace tapedeck::tape {

class OrderedMerge {
 public:
  // Damaged blocks are given to `on_damage` and left out. The tape must outlive the merge.
  OrderedMerge(const TapeReader& tape, std::function<void(const DamageReport&)> on_damage);

  struct Item {
    RecordView record;
    Arrival arrival;
    Lane lane;
    Sequence sequence;
    const BlockHeader& block;  // that it is in
  };
  // The next record, valid until the next call; nothing at the end.
  [[nodiscard]] std::optional<Item> next();

 private:
  struct SourceState;
  // The first record of a source that a lane has behind its head, if it has one.
  struct Hidden {
    Sequence sequence;  // the answer holds until the head is here
    std::optional<Ordinal> ordinal;
  };
  struct LaneHead {
    explicit LaneHead(LaneCursor c) : cursor(std::move(c)) {}
    LaneCursor cursor;
    std::vector<Arrival> arrivals;            // of the open block
    size_t index = 0;                         // of the head in it
    std::optional<RecordRange::Iterator> at;  // nothing at the end of the lane
    SourceState* source = nullptr;            // of the head
    std::map<SourceId, Hidden> hidden;

    [[nodiscard]] Ordinal ordinal() const { return arrivals[index].ordinal; }
    [[nodiscard]] uint64_t time_ns() const { return (**at).capture_time().value; }
    [[nodiscard]] Sequence sequence() const {
      return Sequence(cursor.block().header.first_sequence) + static_cast<uint64_t>(index);
    }
  };
  struct SourceState {
    Ordinal next_ordinal{};
    uint64_t time_max_ns = 0;     // running maximum of what was given
    LaneHead* head = nullptr;     // the one with its lowest ordinal
    bool is_passed_over = false;  // in the choice of the next record
    [[nodiscard]] uint64_t due_ns() const { return std::max(time_max_ns, head->time_ns()); }
  };

  void open_next_block(LaneHead& head);
  void find_source(LaneHead& head);
  void advance(LaneHead& head);
  [[nodiscard]] LaneHead* choose();
  [[nodiscard]] SourceState* earliest_source();
  [[nodiscard]] bool an_earlier_one_is_hidden(SourceId source, Ordinal ordinal);
  [[nodiscard]] std::optional<Ordinal> first_hidden(LaneHead& head, SourceId source);
  [[nodiscard]] Hidden look_for(const LaneHead& head, SourceId source) const;

  const TapeReader& tape_;
  std::function<void(const DamageReport&)> on_damage_;
  std::vector<LaneHead> heads_;
  std::map<SourceId, SourceState> sources_;
  LaneHead* given_ = nullptr;  // its head was given and is to be passed
};

}  // namespace tapedeck::tape
