// What a capture did, for people and for programs. Plain data.
#pragma once

#include <filesystem>
#include <string>

#include "capture/recorder.h"

namespace tapedeck::capture {

struct Summary {
  std::filesystem::path tape;
  RecorderCounts packets;
  feed::FeedCounts feed;
  uint64_t messages = 0;
  uint64_t records = 0;
  uint64_t topics = 0;
  uint64_t flows = 0;
  uint64_t untracked_packets = 0;  // of flows beyond those that are followed
  uint64_t gaps = 0;               // ledger entries
  uint64_t messages_lost = 0;
  uint64_t bytes = 0;  // of the tape
  int64_t elapsed_ns = 0;
  std::string damage;  // of the source; empty where it was read to its end
  bool interrupted = false;
};

// A table of several lines.
[[nodiscard]] std::string to_text(const Summary& summary);
// One object (docs/operations.md, "capture --json").
[[nodiscard]] std::string to_json(const Summary& summary);

}  // namespace tapedeck::capture
