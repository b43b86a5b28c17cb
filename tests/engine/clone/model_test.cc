// A server's store and several replicas, on a network that loses messages, against a map: whatever happens in whatever
// order, a replica that does not know of a loss has exactly what the map had at its sequence. TAPEDECK_MODEL_STEPS sets
// the number of steps, TAPEDECK_MODEL_SEED one seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>

#include "engine/clone/replica.h"
#include "engine/clone/store.h"
#include "engine/clone/subtrees.h"
#include "engine/core/durations.h"
#include "tests/engine/clone/messages.h"

namespace tapedeck::clone {
namespace {

const std::vector<std::string> kSubtrees = {"", "/a/", "/a/b/"};

struct Frame5 {
  std::array<std::string, kFrames> frames;
  [[nodiscard]] Message message() const {
    return {.key = frames[0],
            .sequence = core::load_be<uint64_t>(core::as_bytes(frames[1]).data()),
            .uuid = frames[2],
            .properties = frames[3],
            .value = frames[4]};
  }
};

// The server as it should be: a map, and by sequence the digest of each subtree.
struct Model {
  struct Value {
    std::string value;
    int64_t expiry_ns = INT64_MAX;
  };
  std::map<std::string, Value> table;
  std::map<uint64_t, std::vector<uint64_t>> digests;

  void note(uint64_t sequence) {
    std::vector<uint64_t> sums(kSubtrees.size());
    for (size_t i = 0; i < kSubtrees.size(); ++i) {
      for (const auto& [key, value] : table) {
        if (key.starts_with(kSubtrees[i])) sums[i] += digest_of(key, value.value);
      }
    }
    digests[sequence] = sums;
  }
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) { restart(); }

  void step() {
    switch (pick(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: return set();
      case 6:
      case 7: return erase();
      case 8: return repeat();
      case 9: return pass_time();
      case 10: return join();
      case 11: return leave();
      case 12: return pick(20) == 0 ? restart() : heartbeat();
      case 13: return pick(4) == 0 ? reconnect() : lose();
      default: return deliver();
    }
  }
  // Nothing is lost any more, and all that is on its way arrives: all must be equal.
  void settle() {
    for (int round = 0; round < 20; ++round) {
      heartbeat();
      for (Peer& peer : peers_) {
        while (!peer.queue.empty() || peer.snapshot) receive(peer);
      }
    }
    for (Peer& peer : peers_) {
      ASSERT_TRUE(peer.replica.synced());
      EXPECT_EQ(peer.replica.sequence(), store_->sequence());
      EXPECT_EQ(digest_of(peer.replica.table()), model_.digests.at(store_->sequence())[peer.subtree]);
    }
  }
  [[nodiscard]] uint64_t checks() const { return checks_; }
  [[nodiscard]] uint64_t holes() const { return holes_; }

 private:
  struct Snapshot {
    Table version;
    uint64_t sequence = 0;
    uint64_t life = 0;  // of the server that it comes from
  };
  struct Peer {
    size_t subtree;
    Replica replica;
    std::deque<Frame5> queue;          // published, not received
    std::optional<Snapshot> snapshot;  // asked for, on its way
    bool live = false;                 // has received something, so the subscription is
  };

  size_t pick(size_t count) { return random_() % count; }
  std::string some_key() { return fmt::format("{}k{}", kSubtrees[pick(kSubtrees.size())], pick(8)); }

  [[nodiscard]] std::string instance() const { return fmt::format("instance={}\n", life_); }
  void publish(const Message& message) {
    for (Peer& peer : peers_) {
      const bool subscribed = message.key == kHeartbeat || message.key.starts_with(kSubtrees[peer.subtree]);
      if (subscribed) peer.queue.push_back({encode(message)});
    }
  }
  void publish_update(Message message) {
    const std::string properties = instance() + subtrees_.note(message.key, store_->sequence());
    message.sequence = store_->sequence();
    message.properties = properties;
    publish(message);
    model_.note(store_->sequence());
  }

  void update(const Message& message, int64_t ttl_s) {
    ASSERT_EQ(store_->apply(message, ttl_s, now_ns_), Store::Verdict::kApplied);
    if (message.value.empty()) {
      model_.table.erase(std::string(message.key));
    } else {
      model_.table[std::string(message.key)] = {std::string(message.value),
                                                ttl_s > 0 ? now_ns_ + ttl_s * core::kSecond_ns : INT64_MAX};
    }
    publish_update(message);
  }
  void set() {
    const std::string key = some_key();
    const std::string value = fmt::format("{}", random_());
    const auto uuid = new_uuid();
    const auto ttl_s = static_cast<int64_t>(pick(3) == 0 ? 1 + pick(5) : 0);
    last_uuid_ = std::string(uuid.data(), uuid.size());
    update({.key = key, .uuid = last_uuid_, .value = value}, ttl_s);
  }
  void erase() {
    const std::string key = some_key();
    update({.key = key}, 0);
  }
  void repeat() {
    if (last_uuid_.empty()) return;
    ASSERT_EQ(store_->apply({.key = "x", .uuid = last_uuid_, .value = "other"}, 0, now_ns_), Store::Verdict::kRepeated);
  }
  void pass_time() {
    now_ns_ += static_cast<int64_t>(pick(2 * core::kSecond_ns));
    while (const auto key = store_->expire(now_ns_)) {
      const auto found = model_.table.find(*key);
      ASSERT_NE(found, model_.table.end());
      ASSERT_LE(found->second.expiry_ns, now_ns_);
      model_.table.erase(found);
      publish_update({.key = *key});
    }
    for (const auto& [key, value] : model_.table) ASSERT_GT(value.expiry_ns, now_ns_) << key;
  }
  void heartbeat() {
    const std::string properties = fmt::format("{}last={}\n{}", instance(), store_->sequence(), subtrees_.summary());
    publish({.key = kHeartbeat, .properties = properties});
  }
  void join() {
    if (peers_.size() >= 6) return;
    const size_t subtree = pick(kSubtrees.size());
    subtrees_.add(kSubtrees[subtree], store_->sequence());
    peers_.push_back({subtree, Replica(kSubtrees[subtree]), {}, {}, false});
    peers_.back().replica.expect_snapshot();
  }
  void leave() {
    if (!peers_.empty()) peers_.erase(peers_.begin() + static_cast<ptrdiff_t>(pick(peers_.size())));
  }
  // Another server, without state; connections break, and what was under way may still arrive or not.
  void restart() {
    ++life_;
    store_.emplace(Limits{});
    subtrees_ = {};
    model_ = {};
    model_.note(0);
    last_uuid_.clear();
    for (Peer& peer : peers_) {
      subtrees_.add(kSubtrees[peer.subtree], 0);
      if (pick(2) == 0) peer.queue.clear();
      if (peer.snapshot) ask(peer);  // in vain; the client asks again
    }
    heartbeat();  // as somebody subscribes
  }
  void lose() {
    if (peers_.empty()) return;
    Peer& peer = peers_[pick(peers_.size())];
    if (peer.queue.empty()) return;
    const auto lost = peer.queue.begin() + static_cast<ptrdiff_t>(pick(peer.queue.size()));
    if (!is_first_of(*lost, life_)) peer.queue.erase(lost);
  }
  // What was under way is lost, and the server knows the subtree no more until it is subscribed to again.
  void reconnect() {
    if (peers_.empty()) return;
    Peer& peer = peers_[pick(peers_.size())];
    peer.queue.clear();
    const auto has_it = [&](const Peer& other) { return &other != &peer && other.subtree == peer.subtree; };
    if (std::ranges::none_of(peers_, has_it)) subtrees_.remove(kSubtrees[peer.subtree]);
    if (pick(2) == 0) set();
    peer.queue.clear();
    subtrees_.add(kSubtrees[peer.subtree], store_->sequence());
    heartbeat();  // as somebody subscribes
  }
  void deliver() {
    if (peers_.empty()) return;
    Peer& peer = peers_[pick(peers_.size())];
    for (size_t i = pick(6); i > 0; --i) receive(peer);
  }

  void ask(Peer& peer) {
    peer.replica.expect_snapshot();
    peer.snapshot = {store_->table(), store_->sequence(), life_};
  }
  // The snapshot, if one is under way; the client holds what is published until then. Else the next message.
  void receive(Peer& peer) {
    if (peer.snapshot) return finish(peer);
    if (peer.queue.empty()) return;
    const Frame5 frames = std::move(peer.queue.front());
    peer.queue.pop_front();
    const Message message = frames.message();
    switch (peer.replica.on_published(message)) {
      case Replica::Step::kApplied:
      case Replica::Step::kNothing: check(peer); break;
      case Replica::Step::kOtherServer:
        peer.replica.forget_server();
        static_cast<void>(peer.replica.on_published(message));
        ask(peer);
        break;
      case Replica::Step::kHole:
        ++holes_;
        ask(peer);
        break;
    }
    if (!peer.live) ask(peer);
    peer.live = true;
  }
  void finish(Peer& peer) {
    const Snapshot snapshot = *std::exchange(peer.snapshot, std::nullopt);
    for (const EntryPointer& entry : snapshot.version.list(kSubtrees[peer.subtree])) {
      peer.replica.add({.key = entry->key, .sequence = entry->sequence, .value = entry->value});
    }
    const std::string properties = instance();
    peer.replica.finish({.key = kEnd, .sequence = snapshot.sequence, .properties = properties});
    ASSERT_EQ(snapshot.life, life_);
    EXPECT_EQ(digest_of(peer.replica.table()), model_.digests.at(snapshot.sequence)[peer.subtree]);
  }
  void check(const Peer& peer) {
    const uint64_t sequence = peer.replica.sequence();
    const auto expected = model_.digests.find(sequence);
    if (!peer.replica.synced() || life_of(peer) != life_ || expected == model_.digests.end()) return;
    ++checks_;
    EXPECT_EQ(digest_of(peer.replica.table()), expected->second[peer.subtree]) << "at " << sequence;
  }
  // Whose updates it receives, and whose state it has: those before the restart's heartbeat are the old server's.
  [[nodiscard]] uint64_t life_of(const Peer& peer) const {
    const bool old =
        std::ranges::any_of(peer.queue, [this](const Frame5& frames) { return is_first_of(frames, life_); });
    return old ? life_ - 1 : life_;
  }
  // The heartbeat that a server sends to those who have just subscribed to it. It is the first on a new connection, so
  // it is not lost: until the next one, a second later, a client could take one server for the other.
  static bool is_first_of(const Frame5& frames, uint64_t life) {
    return frames.frames[0] == kHeartbeat && frames.frames[3].starts_with(fmt::format("instance={}\nlast=0\n", life));
  }

  std::mt19937_64 random_;
  int64_t now_ns_ = 0;
  uint64_t life_ = 0;
  std::optional<Store> store_;
  Subtrees subtrees_;
  Model model_;
  std::vector<Peer> peers_;
  std::string last_uuid_;
  uint64_t checks_ = 0;
  uint64_t holes_ = 0;
};

uint64_t number_from(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

TEST(Model, WhateverHappensAReplicaHasWhatTheServerHadAtItsSequence) {
  const uint64_t steps = number_from("TAPEDECK_MODEL_STEPS", 60'000);
  const uint64_t first = number_from("TAPEDECK_MODEL_SEED", std::random_device{}());
  constexpr uint64_t kStepsOfAWorld = 3'000;
  for (uint64_t seed = first; seed < first + (steps + kStepsOfAWorld - 1) / kStepsOfAWorld; ++seed) {
    SCOPED_TRACE(fmt::format("TAPEDECK_MODEL_SEED={}", seed));
    World world(seed);
    for (uint64_t step = 0; step < kStepsOfAWorld && !HasFailure(); ++step) world.step();
    world.settle();
    EXPECT_GT(world.checks(), 0u);
    EXPECT_GT(world.holes(), 0u);
    if (HasFailure()) break;
  }
  fmt::print("{} steps from TAPEDECK_MODEL_SEED={}\n", steps, first);
}

}  // namespace
}  // namespace tapedeck::clone
