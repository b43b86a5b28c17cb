// `tapedeck subscribe`: a Black Box on the command line. Its handler reads every byte of every payload and adds it up.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/blackbox/black_box.h"
#include "engine/core/parse.h"
#include "tools/commands.h"
#include "tools/live/live_view.h"
#include "tools/message_memory.h"
#include "tools/multicast_options.h"
#include "tools/placement.h"
#include "tools/sum_handler.h"
#include "tools/topic_options.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct SubscribeOptions {
  blackbox::Options box;
  std::string dispatch = "by-lane";
  std::string stall = "10s";
  std::string silence = "10s";
  std::string queue;
  std::string workers;
  std::string plan;
  core::NameChoiceOptions topics;
  MulticastArguments multicast;
  LiveView::Options live;
  bool json = false;
};

void print_json(const blackbox::Outcome& outcome, const Totals& totals) {
  const transport::Receipt& r = outcome.receipt;
  Json begins_at = Json::object();
  for (const auto& [lane, sequence] : r.begins_at) begins_at[fmt::format("{}", lane.value)] = sequence;
  const Json json = {{"complete", r.complete},
                     {"records", r.records},
                     {"handled", totals.records},
                     {"payload_bytes", totals.payload_bytes},
                     {"gaps", r.gaps},
                     {"records_lost", r.records_lost},
                     {"begins_at", begins_at},
                     {"digest", r.digest()},
                     {"late_p50_ns", r.late_p50_ns},
                     {"late_p99_ns", r.late_p99_ns},
                     {"late_max_ns", r.late_max_ns},
                     {"subscriber", r.subscriber},
                     {"problem", r.problem},
                     {"frames", r.frames},
                     {"record_bytes", r.record_bytes},
                     {"damaged_blocks", r.damaged_blocks},
                     {"repeated_records", r.repeated_records},
                     {"bad_frames", r.bad_frames},
                     {"payload_sum", totals.payload_sum},
                     {"acknowledged", outcome.acknowledged},
                     {"equal", outcome.equal},
                     {"verdict", outcome.verdict}};
  fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_for_people(const blackbox::Outcome& outcome, const Totals& totals) {
  const transport::Receipt& r = outcome.receipt;
  fmt::print("received  {} records, {} of payload, in {} frames\n", core::format_count(r.records),
             core::format_bytes(totals.payload_bytes), core::format_count(r.frames));
  if (totals.records != r.records) {
    fmt::print("handled   {} records: those of the topics that were asked for\n", core::format_count(totals.records));
  }
  fmt::print("digest    {}\n", r.digest());
  fmt::print("delay     p50 {}, p99 {}, max {}, from due to handled\n",
             core::format_duration(static_cast<int64_t>(r.late_p50_ns)),
             core::format_duration(static_cast<int64_t>(r.late_p99_ns)),
             core::format_duration(static_cast<int64_t>(r.late_max_ns)));
  if (r.complete) {
    fmt::print("receipt   complete: no gap, every checksum right, up to the end of the tape\n");
  } else {
    fmt::print("receipt   INCOMPLETE: {}\n", r.problem);
  }
  if (outcome.acknowledged) {
    fmt::print("replay    {}: {}\n", outcome.equal ? "confirms" : "disagrees", outcome.verdict);
  } else {
    fmt::print("replay    did not answer the receipt\n");
  }
}

// The messages of the SUB threads are counted where workers have handled them; the frames in between wait there.
Figures figures_of(const blackbox::Status& status) {
  Figures figures;
  uint64_t queued = 0;
  for (const auto& subscriber : status.subscribers) queued += subscriber.frames;
  for (const auto& worker : status.workers) queued -= std::min(worker.frames, queued);
  for (size_t i = 0; i < status.subscribers.size(); ++i) {
    const blackbox::Status::Subscriber& subscriber = status.subscribers[i];
    figures.parts.push_back({.name = fmt::format("sub {}", i),
                             .messages = subscriber.records,
                             .bytes = subscriber.bytes,
                             .queued = i == 0 ? queued : 0,
                             .in_total = false});
  }
  const blackbox::Status::Worker* slowest = nullptr;
  for (size_t i = 0; i < status.workers.size(); ++i) {
    const blackbox::Status::Worker& worker = status.workers[i];
    figures.parts.push_back(
        {.name = fmt::format("worker {}", i), .messages = worker.records, .bytes = worker.record_bytes});
    if (slowest == nullptr || worker.records < slowest->records) {
      slowest = &worker;
      figures.slowest = figures.parts.back().name;
    }
  }
  return figures;
}

// Tells of workers that have had a frame in hand for long: once, and again whenever it is twice as long.
class StallTeller {
 public:
  void tell(const blackbox::Status& status, LiveView& view) {
    next_ns_.resize(status.workers.size());
    for (size_t i = 0; i < status.workers.size(); ++i) {
      const blackbox::Status::Worker& worker = status.workers[i];
      if (worker.stalled_ns == 0) next_ns_[i] = 0;
      if (worker.stalled_ns == 0 || worker.stalled_ns < next_ns_[i]) continue;
      view.clear();
      fmt::print(stderr, "worker {} has been busy for {} with {}\n", i, core::format_duration(worker.stalled_ns),
                 worker.in_hand);
      next_ns_[i] = 2 * worker.stalled_ns;
    }
  }

 private:
  std::vector<int64_t> next_ns_;  // by worker
};

// The number of workers, and where the threads run.
core::Status place(SubscribeOptions& options) {
  TD_ASSIGN(const PlannedCount workers, parse_planned_count(options.workers, "--workers"));
  const auto endpoints = static_cast<unsigned>(std::ranges::count(options.box.endpoint, ',')) + 1;
  const unsigned subscribers = options.box.subscribers == 0 ? endpoints : options.box.subscribers;
  TD_ASSIGN(std::optional<topology::Plan> plan, make_placement(options.plan, topology::Role::kSubscriber,
                                                               {.is_auto = false, .number = subscribers}, workers));
  options.box.workers = workers_of(workers, plan);
  if (!plan) return {};
  options.box.places = std::move(plan->subscribers);
  options.box.worker_places = std::move(plan->workers);
  return {};
}

core::ExitCode exit_code(const blackbox::Outcome& outcome) {
  if (outcome.interrupted) return core::ExitCode::kInterrupted;
  const bool refuted = outcome.acknowledged && !outcome.equal;
  return outcome.receipt.complete && !refuted ? core::ExitCode::kOk : core::ExitCode::kDamaged;
}

core::Result<core::ExitCode> run(SubscribeOptions options) {
  const core::StopFlag& stop = core::stop_on_signals();
  options.box.dispatch = options.dispatch == "any" ? blackbox::Dispatch::kAny : blackbox::Dispatch::kByLane;
  TD_ASSIGN(options.box.silence_ns, core::parse_duration_ns(options.silence));
  TD_ASSIGN(options.box.stall_ns, core::parse_duration_ns(options.stall));
  if (!options.queue.empty()) {
    TD_ASSIGN(options.box.queue_bytes, core::parse_bytes(options.queue));
  }
  TD_ASSIGN(options.box.multicast, parse_multicast(options.multicast));
  TD_TRY(place(options));
  keep_message_memory();
  std::optional<blackbox::TopicFilter> filter;
  if (!options.topics.is_all()) {
    TD_ASSIGN(core::NameChoice choice, core::NameChoice::make(options.topics));
    filter.emplace(std::move(choice));
  }
  Totals totals;
  StallTeller stalls;
  NoticeTeller notices;
  LiveView view("subscribe", "received");
  TD_TRY(view.open(options.live));
  TD_ASSIGN(const blackbox::Outcome outcome,
            blackbox::run(
                options.box, [&](unsigned) { return std::make_unique<SumHandler>(totals, filter); }, stop,
                [&](const blackbox::Status& status) {
                  if (notices.has_new(status.notices)) view.clear();
                  notices.tell(status.notices);
                  stalls.tell(status, view);
                  if (status.joined) view.show(figures_of(status));
                }));
  TD_TRY(view.finish());
  options.json ? print_json(outcome, totals) : print_for_people(outcome, totals);
  return exit_code(outcome);
}

}  // namespace

void add_subscribe(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<SubscribeOptions>();
  CLI::App* command =
      program.add_subcommand("subscribe", "Receives a replay in a Black Box of M workers and ends with a receipt");
  command
      ->add_option("ENDPOINT", options->box.endpoint,
                   "Of the replay: tcp://HOST:PORT, ipc://PATH, or pgm://, epgm:// or udp:// with GROUP:PORT@NIC "
                   "(without @NIC: that of the SUB thread in --plan); one "
                   "for each of its shards, separated by commas")
      ->required();
  command->add_option("--also", options->box.also,
                      "Multicast: further groups, one for each endpoint, that carry the same; what one line loses is "
                      "taken from the other");
  command->add_option("--subscribers", options->box.subscribers,
                      "SUB threads, to which the endpoints are dealt (default: one for each endpoint)");
  command->add_option("--workers", options->workers,
                      "Worker threads (default: 1, with --plan as many as it has, which auto says too)");
  command
      ->add_option("--dispatch", options->dispatch,
                   "by-lane: a lane keeps to one worker and so its order; any: the next free worker")
      ->check(CLI::IsMember({"by-lane", "any"}))
      ->capture_default_str();
  command->add_option("--stall", options->stall, "Tell of a worker that has had one frame in hand for so long")
      ->capture_default_str();
  add_topic_options(*command, options->topics);
  command->add_option("--name", options->box.name, "Name in the replay's report (default HOST:PID)");
  command->add_option("--silence", options->silence, "Take the replay for dead after so long without a sign of it")
      ->capture_default_str();
  add_multicast_options(*command, options->multicast);
  add_plan_option(*command, options->plan);
  command->add_option(
      "--queue", options->queue,
      "Bytes that wait in each queue at most; on the plain wire never more than 4MiB (default: 4MiB, which "
      "the SUB threads share; 64MiB for multicast)");
  LiveView::add_options(*command, options->live);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &exit] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
