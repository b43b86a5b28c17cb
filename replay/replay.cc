#include "replay/replay.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/core/parse.h"
#include "replay/paced_player.h"
#include "replay/read_ahead.h"

namespace tapedeck::replay {
namespace {

using core::ExitCode;

constexpr uint64_t kBatchBytesMin = 4u << 10;
constexpr uint64_t kBatchBytesMax = 64u << 20;
constexpr size_t kBuffersMin = 3;
constexpr size_t kBuffersMax = 12;
constexpr size_t kRunsAheadOfLanes = 8;  // in the read-ahead's queue and hands
constexpr size_t kSliceBytesMax = 64u << 10;
constexpr int64_t kInBandWhileWaiting_ns = 100'000'000;
constexpr int64_t kEndRepeat_ns = 500'000'000;
constexpr int64_t kStatusInterval_ns = 100'000'000;
constexpr int64_t kInterruptedGrace_ns = 3'000'000'000;
constexpr int kLinger_ms = 5000;

core::Status check(const Options& options) {
  if (options.rate && !(*options.rate > 0 && std::isfinite(*options.rate))) {
    return core::fail_with(ExitCode::kUsage, "the rate is a positive multiple of real time, or max; not {}",
                           *options.rate);
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

// A replay that is under way.
class Replay {
 public:
  // run() closes `context`.
  Replay(const Options& options, zmq::context_t& context, const Source& source, const core::StopFlag& stop,
         const OnStatus& on_status, const core::Clock& clock)
      : options_(options),
        tape_(source.tape),
        selection_(source.selection),
        stop_(stop),
        on_status_(on_status),
        clock_(clock),
        run_bytes_(run_bytes_max(tape_, selection_, options.batch_bytes)),
        pool_(buffers(), kRunOverhead + run_bytes_),
        context_(context),
        publisher_(context_, options.on_slow, frames_in_queue(), tape_.id(), stop, clock),
        session_(context_, publisher_.id(), options.subscriber_silence_ns, clock),
        read_ahead_(tape_, selection_, options.batch_bytes, options.passes, source.whole_blocks, pool_, stop) {}

  core::Result<Report> run(const std::function<void()>& before_close) {
    TD_TRY(bind());
    publisher_.on_held_back([this] { tell_status(); });
    std::thread session_thread([this] { session_.run(); });
    if (wait_for_subscribers()) play();
    settle();
    session_.stop();
    session_thread.join();
    publisher_.close(options_.on_slow == OnSlow::kBlock ? kLinger_ms : 0);
    before_close();
    context_.close();  // waits until every buffer that ZeroMQ still holds has come back
    return report();
  }

 private:
  // Queues are bounded in bytes; ZeroMQ counts frames, so their number follows from the largest.
  [[nodiscard]] size_t frame_bytes_max() const { return options_.rate ? kSliceBytesMax : run_bytes_; }
  [[nodiscard]] int frames_in_queue() const {
    return static_cast<int>(std::max<size_t>(options_.queue_bytes / frame_bytes_max(), 2));
  }
  // Few, so that a buffer is still cached when it is used again; a paced replay also holds one for each lane.
  [[nodiscard]] size_t buffers() const {
    const size_t in_flight = std::clamp<size_t>(options_.queue_bytes / run_bytes_, kBuffersMin, kBuffersMax);
    return in_flight + (options_.rate ? tape_.lanes().size() + kRunsAheadOfLanes : 0);
  }

  core::Status bind() {
    TD_ASSIGN(const transport::Endpoint data, transport::parse_endpoint(options_.endpoint));
    TD_ASSIGN(status_.endpoint, publisher_.bind(data));
    TD_ASSIGN(const transport::Endpoint session, options_.session_endpoint.empty()
                                                     ? transport::session_endpoint_for(data)
                                                     : transport::parse_endpoint(options_.session_endpoint));
    TD_ASSIGN(status_.session_endpoint, session_.bind(session));
    publisher_.announce_as({.publisher = publisher_.id(),
                            .tape = tape_.id(),
                            .tape_name = tape_.path().filename().string(),
                            .session_endpoint = status_.session_endpoint,
                            .records = tape_.totals().records,
                            .batch_bytes = static_cast<uint32_t>(run_bytes_),
                            .paced = options_.rate.has_value()},
                           {.tape = tape_.id(), .names = tape_.topic_names()});
    return {};
  }

  bool wait_for_subscribers() {
    status_.waiting_for_subscribers = true;
    while (session_.joined() < options_.wait_for) {
      if (stop_.requested()) return false;
      publisher_.repeat_in_band(/*now=*/true, /*everything=*/false);
      tell_status();
      clock_.sleep_until(clock_.monotonic_ns() + kInBandWhileWaiting_ns, stop_);
    }
    status_.waiting_for_subscribers = false;
    greet_new_ones();
    return true;
  }

  // Whoever has just joined needs the names before the next record.
  void greet_new_ones() {
    const size_t joined = session_.joined();
    const bool somebody_is_new = joined != status_.joined;
    status_.joined = joined;
    publisher_.repeat_in_band(somebody_is_new || joined == 0, somebody_is_new || joined == 0);
  }

  void keep_house() {
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns < next_housekeeping_ns_) return;
    next_housekeeping_ns_ = now_ns + kStatusInterval_ns;
    greet_new_ones();
    tell_status();
  }

  void tell_status() {
    status_.records = publisher_.records();
    status_.held_back_ns = publisher_.held_back_ns();
    if (on_status_) on_status_(status_);
  }

  void play() {
    core::use_exact_timers();
    std::thread read_ahead_thread([this] { read_ahead_.run(); });
    started_ns_ = clock_.monotonic_ns();
    options_.rate ? play_paced() : play_at_full_speed();
    played_ns_ = clock_.monotonic_ns();
    read_ahead_.runs().close();
    while (read_ahead_.runs().pop(transport::kPollInterval)) {
    }
    read_ahead_thread.join();
  }

  void play_at_full_speed() {
    while (!stop_.requested()) {
      auto run = read_ahead_.runs().pop(transport::kPollInterval);
      keep_house();
      if (!run) {
        if (read_ahead_.runs().exhausted()) return;
        continue;
      }
      passes_ = run->pass + 1;
      if (!publisher_.send(std::move(*run), 0)) return;
    }
  }

  void play_paced() {
    PacedPlayer player({.start = selection_.start(),
                        .end = selection_.end(),
                        .rate = *options_.rate,
                        .late_limit_ns = options_.late_limit_ns,
                        .slice_bytes_max = kSliceBytesMax - tape::kHeaderSize},
                       read_ahead_.runs(), publisher_, stop_, clock_);
    player.run([this] { keep_house(); });
    passes_ = player.passes();
    pacing_ = player.pacing();
    slipped_ns_ = player.slipped_ns();
    for (const auto& [lane, records] : player.records_lost()) {
      paced_damage_.push_back({.file = tape::lane_folder(lane),
                               .records_lost = records,
                               .what = std::string(damage_name(tape::Damage::kRaw))});
    }
    tape_seconds_ = player.tape_seconds();
  }

  // Says that the tape has ended until every receipt is in, or its subscriber is dead.
  void settle() {
    session_.expect(publisher_.sent());
    const int64_t give_up_ns = clock_.monotonic_ns() + kInterruptedGrace_ns;
    int64_t next_end_ns = 0;
    const core::StopFlag never;
    while (session_.joined() > 0 && !session_.all_settled()) {
      const int64_t now_ns = clock_.monotonic_ns();
      if (stop_.requested() && now_ns >= give_up_ns) break;
      if (now_ns >= next_end_ns) {
        publisher_.send_end(stop_.requested());
        next_end_ns = now_ns + kEndRepeat_ns;
      }
      tell_status();
      clock_.sleep_until(now_ns + 1'000'000, never);
    }
    if (session_.joined() == 0) publisher_.send_end(stop_.requested());
    settled_ns_ = clock_.monotonic_ns();
  }

  Report report() {
    Report report;
    report.tape = options_.tape;
    report.endpoint = status_.endpoint;
    report.session_endpoint = status_.session_endpoint;
    report.interrupted = stop_.requested();
    report.records = publisher_.records();
    report.record_bytes = publisher_.record_bytes();
    report.frames = publisher_.frames();
    report.passes = passes_;
    report.seconds = started_ns_ == 0 ? 0 : static_cast<double>(settled_ns_ - started_ns_) * 1e-9;
    report.digest = tape::tape_digest(publisher_.sent());
    report.damage = tape_.damage();
    for (tape::DamageReport& part : read_ahead_.damage()) report.damage.push_back(std::move(part));
    for (tape::DamageReport& part : paced_damage_) report.damage.push_back(std::move(part));
    report.whole_tape = selection_.is_whole_tape() && passes_ == 1 && report.damage.empty() &&
                        publisher_.records() == tape_.totals().records;
    report.rate_asked = options_.rate;
    if (options_.rate && played_ns_ > started_ns_) {
      const int64_t played_ns = played_ns_ - started_ns_;
      report.rate_reached = tape_seconds_ / (static_cast<double>(played_ns) * 1e-9);
      report.overtime_ns = played_ns - static_cast<int64_t>(tape_seconds_ / *options_.rate * 1e9);
    }
    report.pacing = pacing_;
    report.slipped_ns = slipped_ns_;
    report.held_back_ns = publisher_.held_back_total_ns();
    report.participants = session_.participants();
    report.subscribers_asked = options_.wait_for;
    return report;
  }

  const Options& options_;
  const tape::TapeReader& tape_;
  const Selection& selection_;
  const core::StopFlag& stop_;
  const OnStatus& on_status_;
  const core::Clock& clock_;
  const size_t run_bytes_;
  core::BufferPool pool_;
  zmq::context_t& context_;
  Publisher publisher_;
  SessionServer session_;
  ReadAhead read_ahead_;
  Status status_;
  core::Histogram pacing_;
  std::vector<tape::DamageReport> paced_damage_;
  uint32_t passes_ = 0;
  int64_t slipped_ns_ = 0;
  double tape_seconds_ = 0;
  int64_t next_housekeeping_ns_ = 0;
  int64_t started_ns_ = 0;  // monotonic, as the rest
  int64_t played_ns_ = 0;
  int64_t settled_ns_ = 0;
};

}  // namespace

core::Result<Source> open_source(const Options& options) {
  TD_TRY(check(options));
  const SelectionOptions& wanted = options.selection;
  const bool by_topic = !wanted.topics.empty() || !wanted.regex.empty() || !wanted.exclude.empty();
  TD_ASSIGN(tape::TapeReader tape, tape::TapeReader::open(options.tape, {.lock = true, .topic_blocks = by_topic}));
  TD_ASSIGN(Selection selection, Selection::make(tape, wanted));
  const core::File::Mode mode = file_mode(options.read_mode, tape);
  return Source{std::move(tape), std::move(selection), mode};
}

core::Result<Report> run(const Options& options, const core::StopFlag& stop, const OnStatus& on_status,
                         const core::Clock& clock) {
  if (transport::is_within_process(options.endpoint)) {
    return core::fail_with(ExitCode::kUsage, "{} is within one process: see run_embedded", options.endpoint);
  }
  zmq::context_t network(1);
  if (options.io_cpu) TD_TRY(transport::pin_io_threads(network, *options.io_cpu));
  return run_in(
      network, options, [] {}, stop, on_status, clock);
}

core::Result<Report> run_in(zmq::context_t& network, const Options& options, const std::function<void()>& before_close,
                            const core::StopFlag& stop, const OnStatus& on_status, const core::Clock& clock) {
  TD_ASSIGN(const Source source, open_source(options));
  return Replay(options, network, source, stop, on_status, clock).run(before_close);
}

}  // namespace tapedeck::replay
