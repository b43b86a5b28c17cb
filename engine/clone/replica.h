// What a client holds: a copy of a server's table, or of a subtree, and where it stands in the server's sequence. Knows
// which updates are old, and sees when some are missing or come from another server. No sockets, so that a test can
// drive it. For one thread.
#pragma once

#include <optional>
#include <string>

#include "engine/clone/protocol.h"
#include "engine/clone/table.h"

namespace tapedeck::clone {

class Replica {
 public:
  enum class Step {
    kNothing,      // a heartbeat, or an update that the snapshot had already or that is none of ours
    kApplied,      // the table has changed
    kHole,         // updates are missing
    kOtherServer,  // this does not continue what came before
  };

  // With `stop_at` it takes no update above that sequence.
  explicit Replica(std::string subtree = {}, std::optional<uint64_t> stop_at = std::nullopt);

  // The table and its sequence stay until a snapshot takes their place; until then nothing is applied.
  void expect_snapshot();
  void add(const Message& sync);    // KVSYNC
  void finish(const Message& end);  // KTHXBAI: the table is now the snapshot
  // Whether a snapshot has the state that the replica has: no update came between.
  [[nodiscard]] bool has_state_of(const Message& end) const;
  // The server that the last KVPUBs came from is given up for another.
  void forget_server();

  // A KVPUB or HUGZ, in the order in which they came on one subscription.
  Step on_published(const Message& message);

  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] const std::string& subtree() const { return subtree_; }
  [[nodiscard]] bool synced() const { return synced_; }
  // While synced, all updates of the subtree up to here are in the table; with a server that does not tell of subtrees,
  // the last ones may be missing.
  [[nodiscard]] uint64_t sequence() const { return sequence_; }
  // Has the state of `stop_at`, or never will for it came too late.
  [[nodiscard]] bool stopped() const { return synced_ && stop_at_ && sequence_ == *stop_at_; }
  [[nodiscard]] bool too_late() const { return synced_ && stop_at_ && sequence_ > *stop_at_; }

 private:
  Step on_heartbeat(const Message& message);
  Step on_update(const Message& message);
  [[nodiscard]] bool is_hole(const Message& message);
  [[nodiscard]] bool misses_some_up_to(const Message& heartbeat) const;
  [[nodiscard]] bool tells_all_of_ours(const Message& heartbeat) const;
  void apply(const Message& message);
  void advance(uint64_t sequence);

  std::string subtree_;
  std::string previous_name_;  // of the properties that tell of it
  std::string last_name_;
  std::optional<uint64_t> stop_at_;
  Table table_;
  Table incoming_;               // of a snapshot that is not complete
  std::string instance_;         // of the server; empty until it tells
  std::string origin_;           // the instance that the table's last snapshot came from
  uint64_t published_ = 0;       // sequence of the last KVPUB seen from this server
  bool tells_previous_ = false;  // the server, of this subtree, since the snapshot
  uint64_t sequence_ = 0;
  bool synced_ = false;
};

}  // namespace tapedeck::clone
