// What a replay says at its end: what it sent, how well it kept time, and whether every subscriber has proved that all
// of it arrived.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/core/histogram.h"
#include "engine/core/status.h"
#include "engine/tape/tape_reader.h"
#include "replay/session_server.h"

namespace tapedeck::replay {

enum class Verdict { kAsAsked, kLate, kIncomplete };

struct Report {
  std::string tape;
  std::string endpoint;  // lists of shards separated by commas, copies by spaces
  size_t shards = 1;
  std::string session_endpoint;
  bool interrupted = false;
  bool whole_tape = false;  // sent once and whole: the digest is that of `info --digest`
  uint64_t records = 0;
  uint64_t record_bytes = 0;
  uint64_t frames = 0;
  uint32_t passes = 0;               // that were begun
  double seconds = 0;                // from the first record to the last receipt
  std::string digest;                // of what was sent
  std::optional<double> rate_asked;  // multiple of real time; none at full speed
  std::optional<double> rate_reached;
  int64_t overtime_ns = 0;   // how much longer it took than the rate asked for
  core::Histogram pacing;    // how late each record was given to the socket
  int64_t slipped_ns = 0;    // by how much the tape clock was slowed in all
  int64_t held_back_ns = 0;  // how long sends waited for the slowest subscriber
  std::vector<Participant> participants;
  unsigned subscribers_asked = 0;  // --wait-for
  std::vector<tape::DamageReport> damage;

  [[nodiscard]] bool all_proved() const;  // as many receipts as were asked for, and every one equal
  [[nodiscard]] Verdict verdict(int64_t late_limit_ns) const;
};

[[nodiscard]] core::ExitCode exit_code(const Report& report, int64_t late_limit_ns);
[[nodiscard]] std::string to_json(const Report& report, int64_t late_limit_ns);
[[nodiscard]] std::string to_text(const Report& report, int64_t late_limit_ns);

}  // namespace tapedeck::replay
