// `tapedeck replay`: sends a tape to subscribers and ends with their receipts.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "engine/core/file.h"
#include "engine/core/parse.h"
#include "engine/topology/pinning.h"
#include "replay/embedded.h"
#include "tools/commands.h"
#include "tools/live/live_view.h"
#include "tools/message_memory.h"
#include "tools/multicast_options.h"
#include "tools/placement.h"
#include "tools/sum_handler.h"
#include "tools/topic_options.h"

namespace tapedeck::tools {
namespace {

using core::ExitCode;
using core::fail_with;

constexpr int64_t kHeldBackTold_ns = 1'000'000'000;
constexpr int64_t kHeldBackToldAgain_ns = 10'000'000'000;

struct ReplayArguments {
  replay::Options replay;
  blackbox::Options box;  // with inproc
  std::string rate = "max";
  std::string start, end, start_offset, duration;
  std::string on_slow = "block";
  std::string wire = "packed";
  std::string read = "auto";
  std::string batch = "1MiB";
  std::string queue;
  std::string late_limit = "100ms";
  std::string max_skew = "10s";
  std::string shards;
  std::string workers;
  std::string plan;
  std::string lanes;
  MulticastArguments multicast;
  std::string silence = "10s";
  std::string report;
  LiveView::Options live;
  bool json = false;
};

core::Result<std::optional<double>> parse_rate(const std::string& text) {
  if (text == "max") return std::optional<double>();
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc{} || end != text.data() + text.size() || !(rate > 0)) {
    return fail_with(ExitCode::kUsage, "bad rate '{}': expected max or a positive multiple of real time, e.g. 10",
                     text);
  }
  return std::optional(rate);
}

// Sets `out` from `text` where it is not empty.
template <class T, class Parse>
core::Status parse_if_given(const std::string& text, std::optional<T>& out, Parse parse) {
  if (text.empty()) return {};
  TD_ASSIGN(out, parse(text));
  return {};
}

core::Status parse_lanes(const std::string& text, std::vector<core::Lane>& lanes) {
  if (text.empty()) return {};
  TD_ASSIGN(const std::vector<uint16_t> numbers, core::parse_numbers(text));
  for (const uint16_t number : numbers) lanes.emplace_back(number);
  return {};
}

unsigned endpoints_in(const std::string& list) { return static_cast<unsigned>(std::ranges::count(list, ',')) + 1; }

bool is_over_tcp(const ReplayArguments& arguments) {
  return std::ranges::all_of(arguments.replay.endpoints,
                             [](std::string_view list) { return list.starts_with("tcp:"); });
}

bool is_embedded(const ReplayArguments& arguments) {
  return std::ranges::any_of(arguments.replay.endpoints, transport::is_within_process);
}

// Numbers of shards and workers, and where their threads run.
core::Status place(ReplayArguments& arguments) {
  TD_ASSIGN(PlannedCount shards, parse_planned_count(arguments.shards, "--shards"));
  TD_ASSIGN(const PlannedCount workers, parse_planned_count(arguments.workers, "--workers"));
  arguments.replay.shards = shards.number;
  if (!shards.is_auto && !shards.number) shards.number = endpoints_in(arguments.replay.endpoints.front());
  const auto role = is_embedded(arguments) ? topology::Role::kBoth : topology::Role::kPublisher;
  TD_ASSIGN(std::optional<topology::Plan> plan, make_placement(arguments.plan, role, shards, workers));
  arguments.box.workers = workers_of(workers, plan);
  if (!plan) return {};
  if (shards.is_auto) arguments.replay.shards = static_cast<unsigned>(plan->publishers.size());
  arguments.replay.places = std::move(plan->publishers);
  arguments.box.worker_places = std::move(plan->workers);
  return {};
}

core::Status complete(ReplayArguments& arguments) {
  replay::Options& options = arguments.replay;
  TD_ASSIGN(options.rate, parse_rate(arguments.rate));
  replay::SelectionOptions& selection = options.selection;
  TD_TRY(parse_if_given(arguments.start, selection.start, core::parse_time));
  TD_TRY(parse_if_given(arguments.end, selection.end, core::parse_time));
  TD_TRY(parse_if_given(arguments.start_offset, selection.start_offset_ns, core::parse_duration_ns));
  TD_TRY(parse_if_given(arguments.duration, selection.duration_ns, core::parse_duration_ns));
  TD_TRY(place(arguments));
  TD_ASSIGN(options.multicast, parse_multicast(arguments.multicast));
  TD_TRY(parse_lanes(arguments.lanes, selection.lanes));
  TD_ASSIGN(options.max_skew_ns, core::parse_duration_ns(arguments.max_skew));
  TD_ASSIGN(options.batch_bytes, core::parse_bytes(arguments.batch));
  TD_TRY(parse_if_given(arguments.queue, options.queue_bytes, core::parse_bytes));
  TD_ASSIGN(options.late_limit_ns, core::parse_duration_ns(arguments.late_limit));
  TD_ASSIGN(options.subscriber_silence_ns, core::parse_duration_ns(arguments.silence));
  options.read_mode = arguments.read == "direct"   ? replay::ReadMode::kDirect
                      : arguments.read == "cached" ? replay::ReadMode::kCached
                                                   : replay::ReadMode::kAuto;
  options.wire = arguments.wire == "plain" ? transport::Wire::kPlain : transport::Wire::kPacked;
  options.on_slow = arguments.on_slow == "drop" ? replay::OnSlow::kDrop : replay::OnSlow::kBlock;
  return {};
}

Figures figures_of(const replay::Status& status) {
  Figures figures{.parts = {}, .peers = status.joined, .slowest = status.slowest};
  for (size_t i = 0; i < status.shards.size(); ++i) {
    const replay::Status::Shard& shard = status.shards[i];
    figures.parts.push_back({.name = fmt::format("shard {}", i),
                             .messages = shard.records,
                             .bytes = shard.record_bytes,
                             .queued = shard.queued,
                             .held_back_ns = shard.held_back_ns});
  }
  return figures;
}

// What a user is told on standard error while it runs: where it listens, and who holds it back.
class StatusTeller {
 public:
  explicit StatusTeller(LiveView& view) : view_(view) {}

  void tell(const replay::Status& status) {
    if (!told_endpoints_) {
      fmt::print(stderr, "replay on {}, session on {}{}\n", fmt::join(status.endpoints, " and "),
                 status.session_endpoint, status.waiting_for_subscribers ? ": waiting for subscribers" : "");
      told_endpoints_ = true;
    }
    if (notices_.has_new(status.notices)) view_.clear();
    notices_.tell(status.notices);
    if (status.held_back_ns == 0) next_held_back_ns_ = kHeldBackTold_ns;
    if (status.held_back_ns >= next_held_back_ns_) {
      view_.clear();
      fmt::print(stderr, "held back for {} by {}\n", core::format_duration(status.held_back_ns),
                 status.slowest.empty() ? "a subscriber that has not said who it is" : status.slowest);
      next_held_back_ns_ = status.held_back_ns + kHeldBackToldAgain_ns;
    }
    if (!status.waiting_for_subscribers) view_.show(figures_of(status));
  }

 private:
  LiveView& view_;
  NoticeTeller notices_;
  bool told_endpoints_ = false;
  int64_t next_held_back_ns_ = kHeldBackTold_ns;
};

// With inproc the subscriber is a Black Box of this process.
core::Result<replay::Report> replay_to_endpoint(const ReplayArguments& arguments, const core::StopFlag& stop,
                                                const replay::OnStatus& on_status) {
  if (!is_embedded(arguments)) {
    keep_message_memory();
    // Else ZeroMQ's thread interrupts, for every message or run, the one that has just given it the first of many. Not
    // over ipc: its sockets hold so little that a reader must not wait for its turn.
    if (!arguments.replay.rate && is_over_tcp(arguments)) topology::take_turns();
    return replay::run(arguments.replay, stop, on_status);
  }
  Totals totals;
  TD_ASSIGN(replay::Embedded embedded,
            replay::run_embedded(
                arguments.replay, arguments.box, [&](unsigned) { return std::make_unique<SumHandler>(totals); }, stop,
                on_status));
  return std::move(embedded.report);
}

core::Result<ExitCode> run(ReplayArguments arguments) {
  const core::StopFlag& stop = core::stop_on_signals();
  TD_TRY(complete(arguments));
  const int64_t late_limit_ns = arguments.replay.late_limit_ns;
  LiveView view("replay", "sent");
  TD_TRY(view.open(arguments.live));
  StatusTeller teller(view);
  TD_ASSIGN(const replay::Report report,
            replay_to_endpoint(arguments, stop, [&teller](const replay::Status& status) { teller.tell(status); }));
  TD_TRY(view.finish());
  const std::string json = to_json(report, late_limit_ns) + "\n";
  fmt::print("{}", arguments.json ? json : to_text(report, late_limit_ns));
  if (!arguments.report.empty()) TD_TRY(core::replace_text_file(arguments.report, json));
  return exit_code(report, late_limit_ns);
}

void add_endpoint_options(CLI::App& command, ReplayArguments& arguments) {
  replay::Options& options = arguments.replay;
  command
      .add_option("--to", options.endpoints,
                  "Endpoint to bind: tcp://HOST:PORT (port 0: any), ipc://PATH, or multicast as pgm://GROUP:PORT@NIC, "
                  "epgm:// or udp:// (without @NIC: that of the shard in --plan); commas name one for each shard, and "
                  "a further --to is another copy; inproc://NAME is a Black Box in this process")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option(
      "--shards", arguments.shards,
      "Deal the lanes to so many publishers (default: one for each endpoint of --to; a single tcp or multicast "
      "endpoint stands for the ports from it on); auto: as many as the plan has");
  command.add_option("--session-endpoint", options.session_endpoint, "Of the session channel (default: a free port)");
  command
      .add_option("--wire", arguments.wire,
                  "packed: blocks as they are on the tape, for subscribe; plain: a message for each record, behind its "
                  "topic, for any ZeroMQ client, and for subscribe")
      ->check(CLI::IsMember({"packed", "plain"}))
      ->capture_default_str();
  add_multicast_options(command, arguments.multicast);
}

void add_selection_options(CLI::App& command, ReplayArguments& arguments) {
  replay::SelectionOptions& selection = arguments.replay.selection;
  command.add_option("-S,--start", arguments.start, "From this capture time on: ns since 1970 or RFC 3339");
  command.add_option("-E,--end", arguments.end, "Up to this capture time, itself included");
  command.add_option("--start-offset", arguments.start_offset, "From so long after the first record on, e.g. 90s, 2h");
  command.add_option("--duration", arguments.duration, "So much capture time, e.g. 30m");
  add_topic_options(command, selection.topics);
  command.add_option("--lanes", arguments.lanes, "Only these lanes, e.g. 0-7,12");
}

void add_pace_options(CLI::App& command, ReplayArguments& arguments) {
  command.add_option("-r,--rate", arguments.rate, "max, or a multiple of real time, e.g. 10 or 0.5")
      ->capture_default_str();
  command.add_flag(
      "--ordered", arguments.replay.ordered,
      "All lanes in one stream in the exact order of arrival, by one shard; slower, and a subscriber keeps the "
      "order with one worker only");
  command.add_option("--loop", arguments.replay.passes, "How many times to send it (0: for ever)")
      ->capture_default_str();
  command
      .add_option("--max-skew", arguments.max_skew,
                  "How far a shard may be ahead of the slowest at full speed, in tape time")
      ->capture_default_str();
  command.add_option("--late-limit", arguments.late_limit, "Later than this is late: exit code 4")
      ->capture_default_str();
}

void add_subscriber_options(CLI::App& command, ReplayArguments& arguments) {
  replay::Options& options = arguments.replay;
  command.add_option("--wait-for", options.wait_for, "Start when so many subscribers have joined")
      ->capture_default_str();
  command
      .add_option("--wait-for-subscriptions", options.wait_for_subscriptions,
                  "Start when each shard has had so many subscriptions: for clients that do not join, with "
                  "--wait-for 0")
      ->capture_default_str();
  command
      .add_option("--on-slow", arguments.on_slow,
                  "block: the slowest subscriber holds the replay back; drop: it loses what does not fit")
      ->check(CLI::IsMember({"block", "drop"}))
      ->capture_default_str();
  command.add_option("--silence", arguments.silence, "Take a subscriber for dead after so long without a sign of it")
      ->capture_default_str();
}

void add_buffer_options(CLI::App& command, ReplayArguments& arguments) {
  command
      .add_option("--read", arguments.read,
                  "cached: through the page cache; direct: past it; auto: direct for a tape larger than half the "
                  "memory")
      ->check(CLI::IsMember({"auto", "cached", "direct"}))
      ->capture_default_str();
  command.add_option("--batch", arguments.batch, "Largest run of blocks in one frame, 4KiB to 64MiB")
      ->capture_default_str();
  command.add_option(
      "--queue", arguments.queue,
      "Bytes that wait for each subscriber at most (default: 64MiB; 4MiB on the plain wire without drop)");
}

void add_thread_options(CLI::App& command, ReplayArguments& arguments) {
  add_plan_option(command, arguments.plan);
  command.add_option("--workers", arguments.workers,
                     "With inproc://: worker threads of the Black Box (default: 1, with --plan as many as it has)");
}

void add_output_options(CLI::App& command, ReplayArguments& arguments) {
  LiveView::add_options(command, arguments.live);
  command.add_option("--report", arguments.report, "Write the report to this file, as JSON");
  command.add_flag("--json", arguments.json, "Print the report as JSON");
}

// What would do nothing is refused: whoever asks for it expects something of it.
core::Status check_endpoint_options(const CLI::App& command, const ReplayArguments& arguments) {
  const bool is_within = is_embedded(arguments);
  const bool has_queues = !is_within || arguments.rate != "max";
  const auto refuse_where = [&](bool refused, const char* option, std::string_view where) -> core::Status {
    if (!refused || command.count(option) == 0) return {};
    return fail_with(ExitCode::kUsage, "{} does nothing {}: leave it out", option, where);
  };
  for (const char* option :
       {"--session-endpoint", "--wait-for", "--wait-for-subscriptions", "--on-slow", "--silence", "--max-skew"}) {
    TD_TRY(refuse_where(is_within, option, "with inproc, where the subscriber is in this process"));
  }
  TD_TRY(refuse_where(!has_queues, "--queue", "at full speed with inproc, where nothing waits"));
  return refuse_where(!is_within, "--workers", "but with inproc");
}

}  // namespace

void add_replay(CLI::App& program, ExitCode& exit) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = program.add_subcommand(
      "replay", "Sends a tape to subscribers, as fast as it goes or in time, and collects their receipts");
  command->add_option("TAPE", arguments->replay.tape, "The tape (a directory)")->required();
  add_endpoint_options(*command, *arguments);
  add_selection_options(*command, *arguments);
  add_pace_options(*command, *arguments);
  add_subscriber_options(*command, *arguments);
  add_buffer_options(*command, *arguments);
  add_thread_options(*command, *arguments);
  add_output_options(*command, *arguments);
  command->callback([arguments, command, &exit] {
    const auto result = check_endpoint_options(*command, *arguments).and_then([&] { return run(*arguments); });
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
