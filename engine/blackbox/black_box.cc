#include "engine/blackbox/black_box.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "engine/blackbox/multicast_inputs.h"
#include "engine/blackbox/session_client.h"
#include "engine/blackbox/subscriber.h"
#include "engine/blackbox/worker.h"
#include "engine/core/notices.h"
#include "engine/core/parse.h"
#include "engine/topology/pinning.h"

namespace tapedeck::blackbox {
namespace {

constexpr uint64_t kRunBytesUsual = 1u << 20;
// Small, because where threads are more than cores queues are full, and then each run is read from memory and not from
// the caches, which more than halves the rate.
constexpr uint64_t kQueueBytesUsual = 4u << 20;
constexpr uint64_t kMulticastQueueBytesUsual = 64u << 20;  // its frames are small, and a full queue loses them
constexpr uint64_t kPlainBytesUsual = 256;  // of a message of the plain wire, with what ZeroMQ needs for it
constexpr uint64_t kPlainMessagesMin = 1000;
constexpr uint64_t kPlainQueueBytesMax = 4u << 20;  // small messages are dear once they have left the caches
constexpr unsigned kWorkersMax = 1024;
constexpr std::chrono::milliseconds kEndNoticed{5};  // after the SUB thread has ended, at the latest
constexpr int64_t kStatusInterval_ns = 100'000'000;

std::string default_name() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, HOST_NAME_MAX);
  return fmt::format("{}:{}", host, getpid());
}

// From where on a receipt has what was sent, if not from the start.
std::string beginning_of(const transport::Receipt& receipt) {
  if (receipt.begins_at.empty()) return {};
  uint64_t before = 0;
  for (const auto& [lane, sequence] : receipt.begins_at) before += sequence;
  const auto& [lane, sequence] = *receipt.begins_at.begin();
  const std::string others =
      receipt.begins_at.size() == 1 ? "" : fmt::format(", {} more lanes likewise", receipt.begins_at.size() - 1);
  return fmt::format("joined late or missed the start: lane {} from record {} on{}, {} records before; ", lane,
                     sequence, others, before);
}

// A second line for each endpoint is multicast as the first is.
core::Status check_lines(const std::vector<transport::Endpoint>& endpoints,
                         const std::vector<transport::Endpoint>& also) {
  const auto is_multicast = [](const transport::Endpoint& endpoint) { return endpoint.is_multicast(); };
  if (endpoints.size() != also.size()) {
    return core::fail_with(core::ExitCode::kUsage, "{} endpoints need as many second lines, not {}", endpoints.size(),
                           also.size());
  }
  if (std::ranges::all_of(endpoints, is_multicast) && std::ranges::all_of(also, is_multicast)) return {};
  return core::fail_with(core::ExitCode::kUsage, "second lines are for multicast: pgm, epgm and udp");
}

// The threads of a box and what they share. Built whole, run once.
class Box {
 public:
  // `networks`: one for each SUB thread, to which the endpoints are dealt.
  Box(std::vector<zmq::context_t>& networks, MulticastInputs& multicast, core::Notices& notices, const Options& options,
      std::vector<transport::Endpoint> endpoints, const core::StopFlag& stop, const OnStatus& on_status,
      const core::Clock& clock)
      : networks_(networks),
        multicast_(multicast),
        notices_(notices),
        options_(options),
        endpoints_(std::move(endpoints)),
        stop_(stop),
        stop_all_(&stop),
        on_status_(on_status),
        clock_(clock) {}

  core::Result<Outcome> run(const HandlerFactory& make_handler) {
    TD_TRY(build(make_handler));
    std::vector<std::thread> worker_threads;
    for (size_t i = 0; i < workers_.size(); ++i) {
      worker_threads.emplace_back([this, i] {
        if (i < options_.worker_places.size()) notices_.add(topology::take_place(options_.worker_places[i]));
        workers_[i]->run();
      });
    }
    std::vector<std::thread> subscriber_threads;
    for (size_t i = 0; i < subscribers_.size(); ++i) {
      subscriber_threads.emplace_back([this, i] {
        if (i < options_.places.size()) notices_.add(topology::take_place(options_.places[i].thread));
        subscribers_[i]->run();
      });
    }
    multicast_.start();
    while (any(Ending::kRunning)) {
      keep_session(kEndNoticed);
      tell_status();
    }
    for (std::thread& thread : subscriber_threads) thread.join();
    multicast_.stop();
    wait_for_workers();
    inproc_.shutdown();
    for (std::thread& thread : worker_threads) thread.join();
    return conclude();
  }

 private:
  core::Status build(const HandlerFactory& make_handler) {
    TD_TRY(open_ways());
    for (size_t i = 0; i < networks_.size(); ++i) TD_TRY(build_subscriber(i));
    const WorkerContext context{options_.on_throw, stop_all_, accounts_, topics_, clock_, clock_offset_ns_};
    for (unsigned i = 0; i < options_.workers; ++i) {
      zmq::socket_t pull(inproc_, zmq::socket_type::pull);
      pull.set(zmq::sockopt::rcvhwm, frames_in_half_a_queue());
      for (size_t from = 0; from < networks_.size(); ++from) pull.connect(way(from, is_by_lane() ? i : 0));
      workers_.push_back(std::make_unique<Worker>(context, std::move(pull), make_handler(i)));
    }
    return {};
  }

  // What to connect to for each endpoint.
  core::Status open_ways() {
    TD_TRY(transport::check_ports(endpoints_));
    std::vector<transport::Endpoint> also;
    if (!options_.also.empty()) {
      TD_ASSIGN(also, transport::parse_endpoints(options_.also));
      TD_TRY(check_lines(endpoints_, also));
      TD_TRY(transport::check_ports(also));
    }
    for (size_t i = 0; i < endpoints_.size(); ++i) {
      ways_.push_back(endpoints_[i]);
      if (!endpoints_[i].is_multicast()) continue;
      const size_t network = i % networks_.size();
      TD_ASSIGN(ways_.back(),
                multicast_.open(endpoints_[i], also.empty() ? nullptr : &also[i], networks_[network], network));
    }
    return {};
  }

  // The SUB thread `number`, with a PUSH for each worker, or one to all of them.
  core::Status build_subscriber(size_t number) {
    std::vector<zmq::socket_t> pushes;
    for (unsigned i = 0; i < (is_by_lane() ? options_.workers : 1); ++i) {
      zmq::socket_t& push = pushes.emplace_back(inproc_, zmq::socket_type::push);
      push.set(zmq::sockopt::sndhwm, frames_in_half_a_queue());
      push.set(zmq::sockopt::linger, 0);
      push.set(zmq::sockopt::sndtimeo, static_cast<int>(transport::kPollInterval.count()));
      push.bind(way(number, i));
    }
    // In this order: who receives an in-band message is certain to be subscribed to the data.
    TD_ASSIGN(zmq::socket_t sub,
              subscribe(number, {transport::kDataPrefix, transport::kInBandPrefix}, frames_in_queue()));
    const auto make_plain = [this, number] { return subscribe(number, {""}, plain_messages_in_queue()); };
    const size_t shards = (endpoints_.size() - number + networks_.size() - 1) / networks_.size();
    const SubscriberContext context{options_, heard_, accounts_, topics_, stop_all_, clock_};
    subscribers_.push_back(
        std::make_unique<Subscriber>(context, std::move(sub), make_plain, shards, std::move(pushes)));
    return {};
  }

  // A socket for the SUB thread `number`, connected to the endpoints that are dealt to it.
  core::Result<zmq::socket_t> subscribe(size_t number, std::initializer_list<std::string_view> prefixes,
                                        int messages_max) {
    zmq::socket_t sub(networks_[number], zmq::socket_type::sub);
    sub.set(zmq::sockopt::rcvhwm, messages_max);
    sub.set(zmq::sockopt::linger, 0);
    sub.set(zmq::sockopt::rcvtimeo, static_cast<int>(transport::kPollInterval.count()));
    for (const std::string_view prefix : prefixes) sub.set(zmq::sockopt::subscribe, prefix);
    for (size_t i = number; i < endpoints_.size(); i += networks_.size()) {
      TD_TRY(transport::connect_for_data(sub, ways_[i]));
    }
    return sub;
  }

  [[nodiscard]] bool is_by_lane() const { return options_.dispatch == Dispatch::kByLane; }
  [[nodiscard]] int frames_in_queue() const {
    const bool is_multicast = std::ranges::any_of(endpoints_, &transport::Endpoint::is_multicast);
    const uint64_t usual = is_multicast ? kMulticastQueueBytesUsual : kQueueBytesUsual / networks_.size();
    const uint64_t bytes = options_.queue_bytes.value_or(usual);
    return static_cast<int>(std::max<uint64_t>(bytes / kRunBytesUsual, 2));
  }
  [[nodiscard]] int plain_messages_in_queue() const {
    const uint64_t bytes = std::min(options_.queue_bytes.value_or(kPlainQueueBytesMax), kPlainQueueBytesMax);
    return static_cast<int>(std::max(bytes / kPlainBytesUsual, kPlainMessagesMin));
  }
  // An inproc queue holds what both ends allow.
  [[nodiscard]] int frames_in_half_a_queue() const { return std::max(frames_in_queue() / 2, 1); }
  // From a SUB thread to a worker.
  static std::string way(size_t from, unsigned to) { return fmt::format("inproc://{}-{}", from, to); }

  [[nodiscard]] bool any(Ending ending) const {
    return std::ranges::any_of(subscribers_, [ending](const auto& s) { return s->ending() == ending; });
  }

  void keep_session(std::chrono::milliseconds wait) {
    if (!session_) open_session();
    if (!session_) {
      std::this_thread::sleep_for(wait);
    } else if (session_->step(position(), wait)) {
      for (const auto& subscriber : subscribers_) subscriber->note_sign_of_life();
    }
  }

  // Once every shard has been heard: the hello may start the replay, and nothing of it may be missed.
  void open_session() {
    const auto announcement = heard_.announcement();
    if (!announcement) return;
    if (announced_ns_ == 0) announced_ns_ = clock_.monotonic_ns();
    if (announcement->wire == transport::Wire::kPlain && !options_.also.empty()) {
      return give_up("the replay's wire is plain, whose messages no second line repairs: leave out --also");
    }
    const size_t shards = announcement->endpoints.size();
    if (heard_.shards() < shards || endpoints_.size() != shards) return check_shards(*announcement);
    session_ = std::make_unique<SessionClient>(networks_.front(), name(), announcement->publisher,
                                               multicast_.window_bytes(), clock_, clock_offset_ns_);
    // An endpoint that cannot be: nobody answers, and the receipt stays without a verdict.
    static_cast<void>(session_->connect(transport::reachable(announcement->session_endpoint, endpoints_.front())));
  }

  void check_shards(const transport::Announcement& announcement) {
    const size_t shards = announcement.endpoints.size();
    const std::string theirs = fmt::format("{}", fmt::join(announcement.endpoints, ","));
    if (endpoints_.size() != shards) {
      give_up(
          fmt::format("the replay has {} shards and {} endpoints were given, so lanes would be missing or come "
                      "twice: give one endpoint for each shard, as in {}",
                      shards, endpoints_.size(), theirs));
    } else if (clock_.monotonic_ns() - announced_ns_ > options_.silence_ns) {
      give_up(fmt::format("of the {} shards of the replay only {} were heard within {}: are {} the endpoints of {}?",
                          shards, heard_.shards(), core::format_duration(options_.silence_ns), options_.endpoint,
                          theirs));
    }
  }

  void give_up(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
    stop_all_.request();
  }

  void tell_status() {
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns < next_status_ns_) return;
    next_status_ns_ = now_ns + kStatusInterval_ns;
    tell_status_at(now_ns);
  }

  void tell_status_at(int64_t now_ns) const {
    if (!on_status_) return;
    Status status{.joined = session_ != nullptr, .notices = notices_.all(), .subscribers = {}, .workers = {}};
    for (const auto& s : subscribers_) {
      status.subscribers.push_back({.frames = s->frames(), .records = s->records(), .bytes = s->bytes()});
    }
    for (const auto& worker : workers_) status.workers.push_back(status_of(*worker, now_ns));
    on_status_(status);
  }

  [[nodiscard]] Status::Worker status_of(const Worker& worker, int64_t now_ns) const {
    Status::Worker status{.frames = worker.frames(),
                          .records = worker.records(),
                          .record_bytes = worker.record_bytes(),
                          .throws = worker.throws(),
                          .in_hand = {}};
    const Worker::InHand in_hand = worker.in_hand();
    if (in_hand.since_ns == 0 || now_ns - in_hand.since_ns < options_.stall_ns) return status;
    status.stalled_ns = now_ns - in_hand.since_ns;
    status.in_hand = fmt::format("lane {} from record {} on", in_hand.lane, in_hand.wire_sequence);
    return status;
  }

  void wait_for_workers() {
    const auto done = [this] {
      uint64_t frames = 0;
      for (const auto& subscriber : subscribers_) frames += subscriber->frames();
      for (const auto& worker : workers_) frames -= worker->frames();
      return frames == 0;
    };
    while (!done() && !(stop_all_.requested() && any(Ending::kStopped))) {
      keep_session(std::chrono::milliseconds(1));
      tell_status();
    }
    tell_status_at(clock_.monotonic_ns());  // the last, and so of all
  }

  core::Result<Outcome> conclude() {
    Outcome outcome{.receipt = receipt(), .interrupted = stop_.requested() && any(Ending::kStopped), .verdict = {}};
    if (session_) {
      // A replay that is dead gets the chance to answer, but not for longer than it took to see that.
      const bool silent = any(Ending::kSilence);
      const int64_t timeout_ns = options_.verdict_timeout_ns;
      if (const auto verdict =
              session_->settle(outcome.receipt, silent ? std::min(timeout_ns, options_.silence_ns) : timeout_ns)) {
        outcome.acknowledged = true;
        outcome.equal = verdict->equal;
        outcome.verdict = verdict->sentence;
      }
    }
    if (!failure_.empty()) return core::fail_with(core::ExitCode::kUsage, "{}", failure_);
    for (size_t i = 0; i < workers_.size(); ++i) {
      outcome.throws += workers_[i]->throws();
      if (workers_[i]->throws() > 0 && outcome.first_throw.empty()) outcome.first_throw = throw_of(i);
    }
    if (outcome.throws > 0 && options_.on_throw == OnThrow::kStop) return core::fail("{}", outcome.first_throw);
    return outcome;
  }

  [[nodiscard]] std::string throw_of(size_t worker) const {
    return fmt::format("worker {}: {}", worker, workers_[worker]->first_throw());
  }

  transport::Receipt receipt() const {
    transport::Receipt receipt;
    receipt.subscriber = name();
    for (const auto& subscriber : subscribers_) {
      receipt.gaps += subscriber->gaps();
      receipt.records_lost += subscriber->records_lost();
      receipt.repeated_records += subscriber->repeated_records();
      receipt.bad_frames += subscriber->bad_frames();
    }
    for (const auto& s : subscribers_) receipt.begins_at.insert(s->begins_at().begin(), s->begins_at().end());
    receipt.repeated_records += multicast_.repeated_records();
    receipt.lanes = accounts_.digests();
    core::Histogram lateness;
    for (const auto& worker : workers_) {
      receipt.frames += worker->frames();
      receipt.records += worker->records();
      receipt.record_bytes += worker->record_bytes();
      receipt.records_lost += worker->records_lost();
      receipt.damaged_blocks += worker->damaged_blocks();
      lateness.add(worker->lateness());
    }
    receipt.late_p50_ns = lateness.quantile(0.5);
    receipt.late_p99_ns = lateness.quantile(0.99);
    receipt.late_max_ns = lateness.max();
    receipt.problem = problem_of(receipt);
    receipt.complete = receipt.problem.empty();
    return receipt;
  }

  std::string problem_of(const transport::Receipt& receipt) const {
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (options_.on_throw == OnThrow::kStop && workers_[i]->throws() > 0) return throw_of(i);
    }
    if (!failure_.empty()) return failure_;
    if (any(Ending::kStopped)) return "interrupted before the end of the tape";
    if (any(Ending::kSilence)) {
      return fmt::format("the replay fell silent for {} before the end of the tape",
                         core::format_duration(options_.silence_ns));
    }
    if (std::ranges::any_of(subscribers_, [](const auto& s) { return s->publisher_was_interrupted(); })) {
      return "the replay was interrupted before the end of the tape";
    }
    if (receipt.records_lost > 0 || receipt.damaged_blocks > 0) {
      return fmt::format("{}{} records lost: {} gaps in the sequence, {} damaged blocks", beginning_of(receipt),
                         receipt.records_lost, receipt.gaps, receipt.damaged_blocks);
    }
    return {};
  }

  [[nodiscard]] uint64_t records() const {
    uint64_t records = 0;
    for (const auto& worker : workers_) records += worker->records();
    return records;
  }

  [[nodiscard]] SessionClient::Position position() const {
    SessionClient::Position position{.handled = records()};
    for (const auto& worker : workers_) {
      position.lost += worker->records_lost();
      position.bytes += worker->record_bytes();
    }
    uint64_t dispatched = 0;
    for (const auto& subscriber : subscribers_) {
      position.lost += subscriber->records_lost();
      dispatched += subscriber->frames();
    }
    for (const auto& worker : workers_) dispatched -= worker->frames();
    position.is_idle = dispatched == 0;
    return position;
  }

  [[nodiscard]] std::string name() const { return options_.name.empty() ? default_name() : options_.name; }

  std::vector<zmq::context_t>& networks_;
  MulticastInputs& multicast_;
  core::Notices& notices_;
  const Options& options_;
  const std::vector<transport::Endpoint> endpoints_;
  std::vector<transport::Endpoint> ways_;  // to them
  const core::StopFlag& stop_;
  core::StopFlag stop_all_;  // also set by what ends the run here
  const OnStatus& on_status_;
  const core::Clock& clock_;
  HeardReplay heard_;
  LaneAccounts accounts_;
  TopicTable topics_;
  std::atomic<int64_t> clock_offset_ns_{0};
  zmq::context_t inproc_{0};  // carries pointers between our threads, so it needs no I/O thread
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::unique_ptr<SessionClient> session_;
  int64_t announced_ns_ = 0;    // monotonic; when the first announcement was heard
  int64_t next_status_ns_ = 0;  // monotonic
  std::string failure_;         // a sentence
};

// How many SUB threads these options come to.
core::Result<size_t> subscribers(const Options& options, size_t endpoints) {
  if (options.subscribers <= endpoints) return options.subscribers == 0 ? endpoints : options.subscribers;
  return core::fail_with(core::ExitCode::kUsage, "{} SUB threads for {} endpoints: each needs one of its own",
                         options.subscribers, endpoints);
}

core::Result<Outcome> run_box(std::vector<zmq::context_t>& networks, MulticastInputs& multicast, core::Notices& notices,
                              const Options& options, const HandlerFactory& make_handler, const core::StopFlag& stop,
                              const OnStatus& on_status, const core::Clock& clock) {
  TD_TRY(check(options));
  TD_ASSIGN(std::vector<transport::Endpoint> endpoints, transport::parse_endpoints(options.endpoint));
  transport::take_nics(endpoints, options.places);
  auto outcome =
      Box(networks, multicast, notices, options, std::move(endpoints), stop, on_status, clock).run(make_handler);
  multicast.stop();
  return outcome;
}

}  // namespace

core::Status check(const Options& options) {
  if (options.workers < 1 || options.workers > kWorkersMax) {
    return core::fail_with(core::ExitCode::kUsage, "a Black Box has 1 to {} workers, not {}", kWorkersMax,
                           options.workers);
  }
  return {};
}

core::Result<Outcome> run(const Options& options, const HandlerFactory& make_handler, const core::StopFlag& stop,
                          const OnStatus& on_status, const core::Clock& clock) {
  if (transport::is_within_process(options.endpoint)) {
    return core::fail_with(core::ExitCode::kUsage,
                           "{} is within one process: replay and handlers meet there with `tapedeck replay --to {}`",
                           options.endpoint, options.endpoint);
  }
  TD_ASSIGN(const std::vector<transport::Endpoint> endpoints, transport::parse_endpoints(options.endpoint));
  TD_ASSIGN(const size_t threads, subscribers(options, endpoints.size()));
  core::Notices notices;
  MulticastInputs multicast(options, notices, clock);
  auto networks = transport::make_networks(threads, options.places, notices);
  return run_box(networks, multicast, notices, options, make_handler, stop, on_status, clock);
}

core::Result<Outcome> run_in(std::vector<zmq::context_t>& networks, const Options& options,
                             const HandlerFactory& make_handler, const core::StopFlag& stop, const OnStatus& on_status,
                             const core::Clock& clock) {
  core::Notices notices;
  MulticastInputs multicast(options, notices, clock);
  return run_box(networks, multicast, notices, options, make_handler, stop, on_status, clock);
}

}  // namespace tapedeck::blackbox
