#include "engine/clone/replica.h"

#include <algorithm>
#include <utility>

namespace tapedeck::clone {
namespace {

// Ours say in every message which server it is, others never do.
std::string_view instance_of(const Message& message) { return property(message.properties, kInstance).value_or(""); }

}  // namespace

Replica::Replica(std::string subtree, std::optional<uint64_t> stop_at)
    : subtree_(std::move(subtree)),
      previous_name_(previous_property(subtree_.size())),
      last_name_(last_property(subtree_)),
      stop_at_(stop_at) {}

void Replica::expect_snapshot() {
  incoming_ = {};
  synced_ = false;
}

void Replica::forget_server() {
  expect_snapshot();
  instance_.clear();
  published_ = 0;
}

void Replica::add(const Message& sync) {
  if (!sync.key.starts_with(subtree_) || is_command(sync.key) || sync.value.empty()) return;
  incoming_.set(std::make_shared<Entry>(Entry{std::string(sync.key), std::string(sync.value), sync.sequence}));
}

// What was published so far may come from a server that has gone meanwhile: from now on that is the other one.
void Replica::finish(const Message& end) {
  if (const std::string_view instance = instance_of(end); !instance.empty() && instance != instance_) {
    instance_ = instance;
    published_ = 0;
  }
  origin_ = instance_of(end);
  tells_previous_ = false;
  table_ = std::exchange(incoming_, {});
  sequence_ = end.sequence;
  synced_ = true;
}

bool Replica::has_state_of(const Message& end) const {
  return end.sequence == sequence_ && instance_of(end) == origin_;
}

Replica::Step Replica::on_published(const Message& message) {
  if (is_command(message.key) && message.key != kHeartbeat) return Step::kNothing;
  const std::string_view instance = instance_of(message);
  if (!instance_.empty() && instance != instance_) return Step::kOtherServer;
  if (instance_.empty()) instance_ = instance;
  return message.key == kHeartbeat ? on_heartbeat(message) : on_update(message);
}

// Ours says how far it has come; the reference implementation the same in the sequence.
Replica::Step Replica::on_heartbeat(const Message& message) {
  const uint64_t last = integer_property(message.properties, kLast).value_or(message.sequence);
  if (last == 0 && instance_.empty()) return Step::kNothing;  // it does not say
  if (last < published_) return Step::kOtherServer;
  if (!synced_ || last <= sequence_ || stopped()) return Step::kNothing;
  if (misses_some_up_to(message)) return Step::kHole;
  if (tells_all_of_ours(message)) advance(last);
  return Step::kNothing;
}

bool Replica::misses_some_up_to(const Message& heartbeat) const {
  if (subtree_.empty()) return true;
  const auto last_of_ours = integer_property(heartbeat.properties, last_name_);
  return last_of_ours && *last_of_ours > sequence_;
}

// Whether nothing of ours was published between where we stand and the heartbeat. Others do not say; they are trusted.
bool Replica::tells_all_of_ours(const Message& heartbeat) const {
  if (instance_.empty() || property(heartbeat.properties, last_name_)) return true;
  const auto since = integer_property(heartbeat.properties, kSince);
  return since && *since <= sequence_;
}

Replica::Step Replica::on_update(const Message& message) {
  if (message.sequence <= published_) return Step::kOtherServer;
  published_ = message.sequence;
  if (!synced_ || message.sequence <= sequence_ || stopped()) return Step::kNothing;
  if (!message.key.starts_with(subtree_)) return Step::kNothing;  // "HUGZ..." matches the subscription to HUGZ
  if (is_hole(message)) return Step::kHole;
  if (stop_at_ && message.sequence > *stop_at_) {
    advance(*stop_at_);
    return Step::kNothing;
  }
  apply(message);
  return Step::kApplied;
}

bool Replica::is_hole(const Message& message) {
  if (subtree_.empty()) return message.sequence != sequence_ + 1;
  const auto previous = integer_property(message.properties, previous_name_);
  const bool told = std::exchange(tells_previous_, previous.has_value());
  return previous ? *previous > sequence_ : told;
}

void Replica::apply(const Message& message) {
  if (message.value.empty()) {
    table_.erase(message.key);
  } else {
    table_.set(std::make_shared<Entry>(Entry{std::string(message.key), std::string(message.value), message.sequence}));
  }
  sequence_ = message.sequence;
}

void Replica::advance(uint64_t sequence) { sequence_ = stop_at_ ? std::min(sequence, *stop_at_) : sequence; }

}  // namespace tapedeck::clone
