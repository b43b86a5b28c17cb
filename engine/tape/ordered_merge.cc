#include "engine/tape/ordered_merge.h"

#include <algorithm>
#include <limits>

namespace tapedeck::tape {

OrderedMerge::OrderedMerge(const TapeReader& tape, std::function<void(const DamageReport&)> on_damage)
    : tape_(tape), on_damage_(std::move(on_damage)) {
  for (const LaneContents& lane : tape.lanes()) heads_.emplace_back(LaneCursor(tape, lane));
  for (LaneHead& head : heads_) open_next_block(head);
}

void OrderedMerge::open_next_block(LaneHead& head) {
  head.at.reset();
  for (;;) {
    const auto item = head.cursor.next();
    if (item == LaneCursor::Item::kEnd) return;
    if (item == LaneCursor::Item::kDamage) {
      on_damage_(head.cursor.damage());
      continue;
    }
    const BlockView& block = head.cursor.block();
    auto arrivals = decode_ordinals(block.side_column, block.size());
    if (!arrivals || check_records(block) != Damage::kNone) {
      on_damage_(head.cursor.as_damage(damage_name(Damage::kStructure)));
      continue;
    }
    head.arrivals = std::move(*arrivals);
    head.index = 0;
    head.at = block.begin();
    find_source(head);
    return;
  }
}

void OrderedMerge::find_source(LaneHead& head) { head.source = &sources_[head.arrivals[head.index].source]; }

void OrderedMerge::advance(LaneHead& head) {
  SourceState& source = *head.source;
  source.next_ordinal = head.ordinal() + 1;
  source.time_max_ns = source.due_ns();
  ++head.index;
  ++*head.at;
  if (head.index == head.arrivals.size()) {
    open_next_block(head);
  } else if (head.arrivals[head.index].source != head.arrivals[head.index - 1].source) {
    find_source(head);
  }
}

std::optional<OrderedMerge::Item> OrderedMerge::next() {
  if (given_ != nullptr) advance(*given_);
  given_ = choose();
  if (given_ == nullptr) return std::nullopt;
  return Item{.record = **given_->at,
              .arrival = given_->arrivals[given_->index],
              .lane = given_->cursor.lane().summary.lane,
              .sequence = given_->sequence(),
              .block = given_->cursor.block().header};
}

// The next record of a source is the one with the lowest ordinal, and that one is at the head of its lane unless a
// record of another source stands before it. A head whose ordinal is the next one is therefore right; after a gap it
// must first be known that nothing lower is still hidden in a lane.
OrderedMerge::LaneHead* OrderedMerge::choose() {
  for (auto& [id, source] : sources_) {
    source.head = nullptr;
    source.is_passed_over = false;
  }
  for (LaneHead& head : heads_) {
    if (!head.at) continue;
    LaneHead*& lowest = head.source->head;
    if (lowest == nullptr || head.ordinal() < lowest->ordinal()) lowest = &head;
  }
  SourceState* const first_choice = earliest_source();
  for (SourceState* source = first_choice; source != nullptr; source = earliest_source()) {
    const Ordinal ordinal = source->head->ordinal();
    if (ordinal == source->next_ordinal) return source->head;
    if (!an_earlier_one_is_hidden(source->head->arrivals[source->head->index].source, ordinal)) return source->head;
    source->is_passed_over = true;
  }
  // Only on a tape whose ordinals contradict one another.
  return first_choice == nullptr ? nullptr : first_choice->head;
}

OrderedMerge::SourceState* OrderedMerge::earliest_source() {
  SourceState* earliest = nullptr;
  for (auto& [id, source] : sources_) {
    if (source.head == nullptr || source.is_passed_over) continue;
    if (earliest == nullptr || source.due_ns() < earliest->due_ns()) earliest = &source;
  }
  return earliest;
}

bool OrderedMerge::an_earlier_one_is_hidden(SourceId source, Ordinal ordinal) {
  return std::any_of(heads_.begin(), heads_.end(), [&](LaneHead& head) {
    // In a lane the ordinals of a source ascend, so behind a head of the source itself there is none.
    if (!head.at || head.arrivals[head.index].source == source) return false;
    const std::optional<Ordinal> hidden = first_hidden(head, source);
    return hidden && *hidden < ordinal;
  });
}

std::optional<Ordinal> OrderedMerge::first_hidden(LaneHead& head, SourceId source) {
  const auto known = head.hidden.find(source);
  if (known != head.hidden.end() && head.sequence() <= known->second.sequence) return known->second.ordinal;
  return (head.hidden[source] = look_for(head, source)).ordinal;
}

// Looks through the lane from behind its head on, reading as far as it takes.
OrderedMerge::Hidden OrderedMerge::look_for(const LaneHead& head, SourceId source) const {
  const auto is_of_source = [&](const Arrival& arrival) { return arrival.source == source; };
  const auto here =
      std::find_if(head.arrivals.begin() + static_cast<std::ptrdiff_t>(head.index), head.arrivals.end(), is_of_source);
  const uint64_t block_first = head.cursor.block().header.first_sequence;
  if (here != head.arrivals.end()) {
    return {Sequence(block_first + static_cast<uint64_t>(here - head.arrivals.begin())), here->ordinal};
  }
  const Sequence behind(block_first + head.arrivals.size());
  LaneCursor ahead(tape_, head.cursor.lane(), [&](const Segment& segment, size_t block) {
    return segment.index.blocks[block].first_sequence >= behind;
  });
  for (auto item = ahead.next(); item != LaneCursor::Item::kEnd; item = ahead.next()) {
    if (item == LaneCursor::Item::kDamage) continue;  // told when the head comes there
    const auto arrivals = decode_ordinals(ahead.block().side_column, ahead.block().size());
    if (!arrivals) continue;
    const auto there = std::find_if(arrivals->begin(), arrivals->end(), is_of_source);
    if (there == arrivals->end()) continue;
    const auto index = static_cast<uint64_t>(there - arrivals->begin());
    return {Sequence(ahead.block().header.first_sequence + index), there->ordinal};
  }
  return {Sequence(std::numeric_limits<uint64_t>::max()), std::nullopt};
}

}  // namespace tapedeck::tape
