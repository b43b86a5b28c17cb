// Runs a replay into a Black Box with every write watched, and prints as JSON the cache lines that more than one thread
// writes. `shared_lines TAPE SHARDS WIRE FOLDER` (WIRE: packed or plain; FOLDER for its sockets), or `shared_lines
// seen`, which has two threads write one line in turn and so shows that such a line is found. This file is instrumented
// too.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "bench/shared_lines/written_lines.h"
#include "engine/blackbox/black_box.h"
#include "replay/replay.h"
#include "tools/sum_handler.h"

namespace {

using namespace tapedeck;

constexpr uint64_t kChangesSmall = 10;
constexpr uint64_t kTurns = 100'000;
constexpr unsigned kWorkers = 2;

int print(uint64_t messages) {
  std::vector<std::string> lines;
  for (const bench::ContestedLine& line : bench::contested_lines(kChangesSmall)) {
    lines.push_back(fmt::format(R"({{"changes": {}, "writes": {}, "threads": ["{}"], "where": [{}]}})", line.changes,
                                line.writes, fmt::join(line.threads, "\", \""), fmt::join(line.where, ", ")));
  }
  fmt::print("{{\"messages\": {}, \"writes\": {}, \"lines\": [{}]}}\n", messages, bench::writes_seen(),
             fmt::join(lines, ",\n"));
  return EXIT_SUCCESS;
}

int take_turns() {
  std::atomic<uint64_t> turn{0};
  const auto run = [&turn](uint64_t mine) {
    while (turn < kTurns) {
      if (turn % 2 == mine) ++turn;
    }
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  return print(kTurns);
}

// Names only: the threads run where the system puts them.
std::vector<topology::ShardPlace> names(unsigned shards, const char* kind) {
  std::vector<topology::ShardPlace> places(shards);
  for (unsigned i = 0; i < shards; ++i) {
    places[i].thread.name = fmt::format("{}-{}", kind, i);
  }
  return places;
}

int replay_into_box(const char* tape, unsigned shards, bool is_plain, const std::string& folder) {
  std::vector<std::string> endpoints;
  for (unsigned i = 0; i < shards; ++i) endpoints.push_back(fmt::format("ipc://{}/lines-{}", folder, i));
  replay::Options sender;
  sender.tape = tape;
  sender.endpoints = {fmt::format("{}", fmt::join(endpoints, ","))};
  sender.wire = is_plain ? transport::Wire::kPlain : transport::Wire::kPacked;
  sender.places = names(shards, "pub");
  blackbox::Options receiver;
  receiver.endpoint = sender.endpoints.front();
  receiver.places = names(shards, "sub");
  receiver.workers = kWorkers;
  receiver.worker_places.resize(kWorkers);
  for (unsigned i = 0; i < kWorkers; ++i) receiver.worker_places[i].name = fmt::format("work-{}", i);

  core::StopFlag stop;
  std::string problem;
  std::thread sending([&] {
    const auto report = replay::run(sender, stop, {});
    if (!report) problem = report.error().message;
    if (!report) stop.request();
  });
  tools::Totals totals;
  const auto outcome = blackbox::run(
      receiver, [&](unsigned) { return std::make_unique<tools::SumHandler>(totals); }, stop);
  stop.request();  // a replay whose box has failed
  sending.join();
  if (!outcome) problem = outcome.error().message;
  if (problem.empty() && !outcome->equal) problem = outcome->verdict;
  if (problem.empty()) return print(totals.records);
  fmt::print(stderr, "{}\n", problem);
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "seen") return take_turns();
  if (argc == 5) {
    return replay_into_box(argv[1], static_cast<unsigned>(std::atoi(argv[2])), std::string_view(argv[3]) == "plain",
                           argv[4]);
  }
  fmt::print(stderr, "usage: shared_lines TAPE SHARDS packed|plain FOLDER, or shared_lines seen\n");
  return 2;
}
