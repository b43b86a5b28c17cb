// Adds up what the workers delivered, lane by lane, in the order of the wire sequence, whichever worker was first: the
// digests of the receipt. Locks once a run. Every run that was dispatched is added exactly once, and every gap is told,
// so that the chain of a lane never waits for something that does not come.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "engine/tape/digest.h"

namespace tapedeck::blackbox {

// What became of one run: its sound records, chained.
struct RunPiece {
  tape::LaneDigest digest;
  uint64_t record_bytes = 0;
};

class LaneAccounts {
 public:
  LaneAccounts();

  // Records [wire_sequence, wire_sequence + wire_count) of the lane were handled, with this result.
  void add(core::Lane lane, uint64_t wire_sequence, uint64_t wire_count, const RunPiece& piece);
  // They will not come.
  void skip(core::Lane lane, uint64_t wire_sequence, uint64_t wire_count) { add(lane, wire_sequence, wire_count, {}); }

  [[nodiscard]] std::map<core::Lane, tape::LaneDigest> digests() const;

 private:
  struct Waiting {
    uint64_t wire_count = 0;
    RunPiece piece;
  };
  struct Account {
    mutable std::mutex mutex;
    tape::LaneDigest digest;
    uint64_t next_wire_sequence = 0;
    std::map<uint64_t, Waiting> waiting;  // by wire sequence; overtaken by later runs of the lane
    void take(uint64_t wire_count, const RunPiece& piece);
  };
  std::vector<Account> accounts_;  // by lane
};

}  // namespace tapedeck::blackbox
