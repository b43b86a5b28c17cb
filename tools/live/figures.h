// What a replay or a subscriber can say of itself while it runs: counts so far, by part. Plain data, taken from
// counters that are read from outside.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tapedeck::tools {

struct Figures {
  struct Part {
    std::string name;  // "shard 0", "worker 2"
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t queued = 0;       // frames that wait to leave it
    int64_t held_back_ns = 0;  // in all
    bool in_total = true;      // false where another part has counted the same messages
  };
  std::vector<Part> parts;
  size_t peers = 0;     // subscribers of a replay
  std::string slowest;  // of them, while any is behind; or of the parts
};

// Of one part or of their total, over the last interval and since the start.
struct Rates {
  double messages_per_s = 0;
  double mean_messages_per_s = 0;
  double bytes_per_s = 0;
};

// The sum of the parts that are in the total.
[[nodiscard]] Figures::Part total_of(const Figures& figures);

}  // namespace tapedeck::tools
