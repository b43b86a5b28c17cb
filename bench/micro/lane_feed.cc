// What a replay reads: one lane of 500,000 messages of 100 bytes that lie in the page cache, run by run into one
// buffer, every checksum verified. An iteration is the whole tape.
#include "replay/lane_feed.h"

#include "bench/micro/samples.h"
#include "tools/synth/fixed_tape.h"

namespace tapedeck::bench {
namespace {

const synth::FixedTapeOptions kTape = {.payload_bytes = 100, .messages = 500'000, .tape = {.lanes = 1}};

std::filesystem::path make_tape() {
  std::filesystem::path path = scratch_folder() / "fixed.tape";
  value_or_exit(synth::write_fixed_tape(path, kTape, core::StopFlag()));
  return path;
}

const tape::TapeReader& warm_tape() {
  static const tape::TapeReader tape = value_or_exit(tape::TapeReader::open(make_tape()));
  return tape;
}

uint64_t read_all(replay::LaneFeed& feed, core::BufferPool& pool) {
  const core::StopFlag never;
  uint64_t records = 0;
  while (!feed.at_end()) {
    replay::Run run;
    run.buffer = core::BufferLease(pool.acquire(never));
    if (feed.read(run)) records += run.piece.records;
  }
  return records;
}

void read_lane(benchmark::State& state) {
  const tape::TapeReader& tape = warm_tape();
  const replay::Selection everything = value_or_exit(replay::Selection::make(tape, {}));
  core::BufferPool pool(1, replay::kRunOverhead + replay::run_bytes_max(tape, /*in_parts=*/false, kMebibyte));
  for (auto _ : state) {
    replay::LaneFeed feed(tape, tape.lanes().front(), everything, kMebibyte, core::File::Mode::kRead,
                          [](const tape::DamageReport&) {});
    TD_CHECK(read_all(feed, pool) == kTape.messages);
  }
  state.counters["messages"] = per_second(kTape.messages);
  state.counters["bytes"] = per_second(kTape.messages * kTape.payload_bytes);
}
BENCHMARK(read_lane);

}  // namespace
}  // namespace tapedeck::bench
