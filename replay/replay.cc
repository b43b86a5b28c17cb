#include "replay/replay.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "engine/core/parse.h"
#include "replay/shard.h"

namespace tapedeck::replay {
namespace {

using core::ExitCode;

constexpr uint64_t kBatchBytesMin = 4u << 10;
constexpr uint64_t kBatchBytesMax = 64u << 20;
constexpr size_t kShardsMax = 256;
constexpr int64_t kStatusInterval_ns = 100'000'000;
constexpr int64_t kPoll_ns = 1'000'000;
constexpr int64_t kInterruptedGrace_ns = 3'000'000'000;

uint64_t random_id() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device() | 1;  // never 0, which means nobody
}

core::Status check(const Options& options) {
  if (options.rate && !(*options.rate > 0 && std::isfinite(*options.rate))) {
    return core::fail_with(ExitCode::kUsage, "the rate is a positive multiple of real time, or max; not {}",
                           *options.rate);
  }
  if (options.max_skew_ns < 0) {
    return core::fail_with(ExitCode::kUsage, "the skew of shards is limited to 0 or more of tape time, not {} ns",
                           options.max_skew_ns);
  }
  if (options.shards && (*options.shards < 1 || *options.shards > kShardsMax)) {
    return core::fail_with(ExitCode::kUsage, "a replay has 1 to {} shards, not {}", kShardsMax, *options.shards);
  }
  if (options.batch_bytes < kBatchBytesMin || options.batch_bytes > kBatchBytesMax) {
    return core::fail_with(ExitCode::kUsage, "a batch has {} to {}, not {}", core::format_bytes(kBatchBytesMin),
                           core::format_bytes(kBatchBytesMax), core::format_bytes(options.batch_bytes));
  }
  return {};
}

core::File::Mode file_mode(ReadMode mode, const tape::TapeReader& tape) {
  const auto memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const bool is_large = tape.totals().bytes > memory / 2;
  const bool direct = mode == ReadMode::kDirect || (mode == ReadMode::kAuto && is_large);
  return direct ? core::File::Mode::kReadDirect : core::File::Mode::kRead;
}

// Where each copy of the replay is bound: an endpoint for each shard.
using Copies = std::vector<std::vector<transport::Endpoint>>;

core::Result<Copies> parse_copies(const Options& options) {
  Copies copies;
  for (const std::string& list : options.endpoints) {
    TD_ASSIGN(std::vector<transport::Endpoint> endpoints, transport::parse_endpoints(list));
    if (options.shards && endpoints.size() == 1) endpoints = transport::neighbours(endpoints.front(), *options.shards);
    const size_t shards = options.shards.value_or(copies.empty() ? endpoints.size() : copies.front().size());
    if (endpoints.size() != shards) {
      return core::fail_with(ExitCode::kUsage, "{} shards need as many endpoints, separated by commas; '{}' names {}",
                             shards, list, endpoints.size());
    }
    transport::take_nics(endpoints, options.places);
    copies.push_back(std::move(endpoints));
  }
  if (copies.empty()) return core::fail_with(ExitCode::kUsage, "a replay needs an endpoint to bind");
  return copies;
}

// A replay that is under way. The thread that runs it watches over the shards.
class Replay {
 public:
  // run() closes `networks`: one for each shard.
  Replay(const Options& options, std::vector<zmq::context_t>& networks, core::Notices& notices, const Source& source,
         const core::StopFlag& stop, const OnStatus& on_status, const core::Clock& clock)
      : options_(options),
        tape_(source.tape),
        selection_(source.selection),
        stop_(stop),
        on_status_(on_status),
        clock_(clock),
        networks_(networks),
        session_(networks.front(), id_, options.subscriber_silence_ns,
                 {.sent = [this] { return records_sent(); },
                  .mean_record_bytes = mean_record_bytes(tape_.totals()),
                  .limit = send_limit_},
                 clock),
        tape_clock_(selection_.start(), selection_.end(), options.rate.value_or(1)),
        skew_(networks.size(), static_cast<uint64_t>(options.max_skew_ns)),
        start_line_(static_cast<std::ptrdiff_t>(networks.size())),
        shared_{.options = options,
                .source = source,
                .publisher = id_,
                .run_bytes = run_bytes_max(tape_, options.ordered || !selection_.is_whole_tape(), options.batch_bytes),
                .mean_record_bytes = mean_record_bytes(tape_.totals()),
                .session = session_,
                .windows = windows_,
                .tape_clock = tape_clock_,
                .skew = skew_,
                .notices = notices,
                .start_line = start_line_,
                .stop = stop,
                .clock = clock} {
    const std::vector<LaneShare> lanes = deal_lanes(tape_, selection_, networks.size());
    for (size_t i = 0; i < networks.size(); ++i) {
      shards_.push_back(std::make_unique<Shard>(shared_, i, networks[i], lanes[i]));
    }
  }

  core::Result<Report> run(const Copies& copies, const std::function<void()>& before_close) {
    TD_TRY(bind(copies));
    announce();
    std::thread session_thread([this] { session_.run(); });
    std::vector<std::thread> threads;
    for (const auto& shard : shards_) threads.emplace_back([&shard] { shard->run(); });
    while (!all([](const Shard& shard) { return shard.has_played(); })) watch();
    settle();
    for (const auto& shard : shards_) shard->dismiss();
    for (std::thread& thread : threads) thread.join();
    tell_status();  // with what lines had to say at their end
    session_.stop();
    session_thread.join();
    before_close();
    for (zmq::context_t& network : networks_) network.close();  // once every buffer that ZeroMQ holds has come back
    return report();
  }

 private:
  [[nodiscard]] bool all(const std::function<bool(const Shard&)>& is_so) const {
    return std::ranges::all_of(shards_, [&](const auto& shard) { return is_so(*shard); });
  }

  [[nodiscard]] uint64_t records_sent() const {
    uint64_t records = 0;
    for (const auto& shard : shards_) records += shard->publisher().records();
    return records;
  }

  core::Status bind(const Copies& copies) {
    for (const auto& endpoints : copies) {
      windows_.emplace_back(send_limit_);
      std::vector<std::string> bound;
      for (size_t i = 0; i < shards_.size(); ++i) {
        TD_ASSIGN(bound.emplace_back(), shards_[i]->bind(endpoints[i], bound_.size()));
      }
      bound_.push_back(std::move(bound));
    }
    TD_ASSIGN(const transport::Endpoint session, options_.session_endpoint.empty()
                                                     ? transport::session_endpoint_for(copies.front().front())
                                                     : transport::parse_endpoint(options_.session_endpoint));
    TD_ASSIGN(status_.session_endpoint, session_.bind(session));
    for (const auto& bound : bound_) status_.endpoints.push_back(fmt::format("{}", fmt::join(bound, ",")));
    return {};
  }

  void announce() {
    transport::Announcement announcement{.publisher = id_,
                                         .tape = tape_.id(),
                                         .tape_name = tape_.path().filename().string(),
                                         .session_endpoint = status_.session_endpoint,
                                         .endpoints = bound_.front(),
                                         .records = tape_.totals().records,
                                         .batch_bytes = static_cast<uint32_t>(shared_.run_bytes),
                                         .paced = options_.rate.has_value(),
                                         .wire = options_.wire};
    transport::Dictionary dictionary{.tape = tape_.id(), .names = tape_.topic_names()};
    if (const std::optional<PlainTopics>& plain = shared_.source.plain) {
      announcement.source_times = plain->source_times;
      dictionary = plain->dictionary;
    }
    for (const auto& shard : shards_) {
      shard->announce_as(announcement, dictionary);
      ++announcement.shard;
    }
  }

  void watch() {
    clock_.sleep_until(clock_.monotonic_ns() + kPoll_ns, core::StopFlag());
    if (clock_.monotonic_ns() < next_status_ns_) return;
    next_status_ns_ = clock_.monotonic_ns() + kStatusInterval_ns;
    tell_status();
  }

  void tell_status() {
    if (!on_status_) return;
    status_.joined = session_.joined();
    status_.waiting_for_subscribers = all([](const Shard& shard) { return shard.is_waiting(); });
    status_.slowest = session_.slowest();
    status_.notices = shared_.notices.all();
    status_.records = 0;
    status_.held_back_ns = 0;
    status_.shards.clear();
    for (const auto& shard : shards_) {
      status_.shards.push_back(shard->status());
      status_.records += status_.shards.back().records;
      status_.held_back_ns = std::max(status_.held_back_ns, shard->publisher().held_back_ns());
    }
    on_status_(status_);
  }

  // Until every receipt is in, or its subscriber is dead.
  void settle() {
    for (const auto& shard : shards_) sent_.insert(shard->publisher().sent().begin(), shard->publisher().sent().end());
    session_.expect(sent_);
    const int64_t give_up_ns = clock_.monotonic_ns() + kInterruptedGrace_ns;
    while (session_.joined() > 0 && !session_.all_settled()) {
      if (stop_.requested() && clock_.monotonic_ns() >= give_up_ns) break;
      watch();
    }
    settled_ns_ = clock_.monotonic_ns();
    tell_status();  // of all, while lines send the rest
  }

  Report report() {
    Report report;
    report.tape = options_.tape;
    report.endpoint = fmt::format("{}", fmt::join(status_.endpoints, " "));
    report.session_endpoint = status_.session_endpoint;
    report.interrupted = stop_.requested();
    report.shards = shards_.size();
    report.damage = tape_.damage();
    int64_t started_ns = 0;
    int64_t played_ns = 0;
    double tape_seconds = 0;
    for (const auto& shard : shards_) {
      add(*shard, report);
      if (shard->paced() != nullptr) tape_seconds = std::max(tape_seconds, shard->paced()->tape_seconds());
      const bool first = started_ns == 0 || (shard->started_ns() != 0 && shard->started_ns() < started_ns);
      if (first) started_ns = shard->started_ns();
      played_ns = std::max(played_ns, shard->played_ns());
    }
    report.seconds = started_ns == 0 ? 0 : static_cast<double>(settled_ns_ - started_ns) * 1e-9;
    report.digest = tape::tape_digest(sent_);
    report.whole_tape = selection_.is_whole_tape() && report.passes == 1 && report.damage.empty() &&
                        report.records == tape_.totals().records;
    report.rate_asked = options_.rate;
    if (options_.rate && played_ns > started_ns) {
      report.rate_reached = tape_seconds / (static_cast<double>(played_ns - started_ns) * 1e-9);
      report.overtime_ns = played_ns - started_ns - static_cast<int64_t>(tape_seconds / *options_.rate * 1e9);
    }
    report.slipped_ns = tape_clock_.slipped_ns();
    report.participants = session_.participants();
    report.subscribers_asked = options_.wait_for;
    return report;
  }

  static void add(const Shard& shard, Report& report) {
    const Publisher& publisher = shard.publisher();
    report.records += publisher.records();
    report.record_bytes += publisher.record_bytes();
    report.frames += publisher.frames();
    report.held_back_ns += static_cast<int64_t>(publisher.held_back_total_ns());
    report.passes = std::max(report.passes, shard.passes());
    for (tape::DamageReport& part : shard.damage()) report.damage.push_back(std::move(part));
    if (shard.paced() != nullptr) report.pacing.add(shard.paced()->pacing());
  }

  const Options& options_;
  const tape::TapeReader& tape_;
  const Selection& selection_;
  const core::StopFlag& stop_;
  const OnStatus& on_status_;
  const core::Clock& clock_;
  const uint64_t id_ = random_id();
  std::vector<zmq::context_t>& networks_;
  transport::SendLimit send_limit_;
  std::deque<transport::FlowWindow> windows_;  // of each copy
  SessionServer session_;
  TapeClock tape_clock_;
  SkewLimit skew_;
  std::latch start_line_;
  const SharedByShards shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::vector<std::string>> bound_;  // endpoints of each copy
  Status status_;
  std::map<core::Lane, tape::LaneDigest> sent_;  // by all shards
  int64_t next_status_ns_ = 0;                   // monotonic, as the other
  int64_t settled_ns_ = 0;
};

core::Status check_multicast(const Options& options, const Copies& copies) {
  for (const auto& endpoints : copies) {
    TD_TRY(transport::check_ports(endpoints));
    for (const transport::Endpoint& endpoint : endpoints) {
      if (!endpoint.is_multicast()) continue;
      if (options.wait_for_subscriptions > 0) {
        return core::fail_with(ExitCode::kUsage, "nobody can tell how many have subscribed to {}: use wait-for",
                               endpoint.text());
      }
      if (options.on_slow == OnSlow::kDrop) {
        return core::fail_with(ExitCode::kUsage, "{} does not drop by itself what a slow subscriber cannot take",
                               endpoint.text());
      }
      if (options.wire == transport::Wire::kPlain && endpoint.scheme == transport::Scheme::kUdp) {
        return core::fail_with(ExitCode::kUsage,
                               "the plain wire is for clients of ZeroMQ, and {} is not theirs: use pgm "
                               "or epgm",
                               endpoint.text());
      }
    }
  }
  return {};
}

core::Status check_shards(const Options& options, const Source& source, size_t shards) {
  if (options.ordered && shards > 1) {
    return core::fail_with(ExitCode::kUsage, "one order of arrival needs one shard, not {}", shards);
  }
  size_t lanes = 0;
  for (const tape::LaneContents& lane : source.tape.lanes()) lanes += source.selection.wants(lane.summary.lane) ? 1 : 0;
  if (shards > 1 && shards > lanes) {
    return core::fail_with(ExitCode::kUsage, "{} shards, but only {} lanes to share out: use at most as many", shards,
                           lanes);
  }
  return {};
}

core::Result<Report> replay_in(std::vector<zmq::context_t>& networks, core::Notices& notices, const Options& options,
                               const std::function<void()>& before_close, const core::StopFlag& stop,
                               const OnStatus& on_status, const core::Clock& clock) {
  TD_ASSIGN(const Copies copies, parse_copies(options));
  TD_ASSIGN(const Source source, open_source(options));
  TD_TRY(check_shards(options, source, copies.front().size()));
  TD_TRY(check_multicast(options, copies));
  return Replay(options, networks, notices, source, stop, on_status, clock).run(copies, before_close);
}

}  // namespace

core::Result<Source> open_source(const Options& options) {
  TD_TRY(check(options));
  const SelectionOptions& wanted = options.selection;
  const bool by_topic = options.wire == transport::Wire::kPlain || !wanted.topics.is_all();
  TD_ASSIGN(tape::TapeReader tape, tape::TapeReader::open(options.tape, {.lock = true, .topic_blocks = by_topic}));
  TD_ASSIGN(Selection selection, Selection::make(tape, wanted));
  const core::File::Mode mode = file_mode(options.read_mode, tape);
  std::optional<PlainTopics> plain;
  if (options.wire == transport::Wire::kPlain) {
    TD_ASSIGN(plain, plain_topics(tape));
  }
  return Source{std::move(tape), std::move(selection), mode, std::move(plain)};
}

core::Result<Report> run(const Options& options, const core::StopFlag& stop, const OnStatus& on_status,
                         const core::Clock& clock) {
  for (const std::string& list : options.endpoints) {
    if (transport::is_within_process(list)) {
      return core::fail_with(ExitCode::kUsage, "{} is within one process: see run_embedded", list);
    }
  }
  TD_TRY(check(options));
  TD_ASSIGN(const Copies copies, parse_copies(options));
  core::Notices notices;
  auto networks = transport::make_networks(copies.front().size(), options.places, notices);
  return replay_in(
      networks, notices, options, [] {}, stop, on_status, clock);
}

core::Result<Report> run_in(std::vector<zmq::context_t>& networks, const Options& options,
                            const std::function<void()>& before_close, const core::StopFlag& stop,
                            const OnStatus& on_status, const core::Clock& clock) {
  core::Notices notices;
  return replay_in(networks, notices, options, before_close, stop, on_status, clock);
}

}  // namespace tapedeck::replay
