// The UUIDs of a server's last updates, and which update had which. Its memory is all taken when it is made. For one
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {

class RecentUuids {
 public:
  static constexpr size_t kRemembered = 65'536;  // updates, with or without UUID

  RecentUuids() : ring_(kRemembered), newest_(kChains) {}

  // Under a key that is drawn once for the process, so that nobody can choose UUIDs that all have the same.
  static size_t chain_of(std::string_view uuid);

  // Of the update with this sequence, which is above all before; only UUIDs of 16 bytes are remembered.
  void add(std::string_view uuid, uint64_t sequence);
  // Where `last` is the sequence of the last update.
  [[nodiscard]] std::optional<uint64_t> find(std::string_view uuid, uint64_t last) const;

 private:
  static constexpr size_t kChains = 2 * kRemembered;
  using Uuid = std::array<char, kUuidBytes>;
  struct Update {
    Uuid uuid{};
    uint64_t before = 0;  // sequence of the previous one in the same chain
  };

  // A chain of updates for each value of a hash, the newest first. It ends where the sequences are no longer recent, so
  // nothing is ever taken out.
  std::vector<Update> ring_;      // by sequence
  std::vector<uint64_t> newest_;  // by chain; 0: none
};

}  // namespace tapedeck::clone
