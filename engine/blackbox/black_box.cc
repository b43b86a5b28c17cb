#include "engine/blackbox/black_box.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <thread>
#include <vector>

#include "engine/blackbox/session_client.h"
#include "engine/blackbox/subscriber.h"
#include "engine/blackbox/worker.h"
#include "engine/core/parse.h"

namespace tapedeck::blackbox {
namespace {

constexpr uint64_t kRunBytesUsual = 1u << 20;
constexpr unsigned kWorkersMax = 1024;
constexpr std::chrono::milliseconds kEndNoticed{5};  // after the SUB thread has ended, at the latest
constexpr const char* kWorkersEndpoint = "inproc://workers";

std::string default_name() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, HOST_NAME_MAX);
  return fmt::format("{}:{}", host, getpid());
}

// The threads of a box and what they share. Built whole, run once.
class Box {
 public:
  Box(zmq::context_t& network, const Options& options, transport::Endpoint endpoint, const core::StopFlag& stop,
      const core::Clock& clock)
      : network_(network), options_(options), endpoint_(std::move(endpoint)), stop_(stop), clock_(clock) {}

  core::Result<Outcome> run(const HandlerFactory& make_handler) {
    TD_TRY(build(make_handler));
    std::vector<std::thread> worker_threads;
    for (const auto& worker : workers_) worker_threads.emplace_back([&worker] { worker->run(); });
    std::thread subscriber_thread([this] { subscriber_->run(); });
    while (subscriber_->ending() == Ending::kRunning) keep_session(kEndNoticed);
    subscriber_thread.join();
    wait_for_workers();
    inproc_.shutdown();
    for (std::thread& thread : worker_threads) thread.join();
    return conclude();
  }

 private:
  core::Status build(const HandlerFactory& make_handler) {
    const int frames = static_cast<int>(std::max<uint64_t>(options_.queue_bytes / kRunBytesUsual, 2));
    zmq::socket_t sub(network_, zmq::socket_type::sub);
    sub.set(zmq::sockopt::rcvhwm, frames);
    sub.set(zmq::sockopt::linger, 0);
    sub.set(zmq::sockopt::rcvtimeo, static_cast<int>(transport::kPollInterval.count()));
    // In this order: who receives an in-band message is certain to be subscribed to the data.
    sub.set(zmq::sockopt::subscribe, transport::kDataPrefix);
    sub.set(zmq::sockopt::subscribe, transport::kInBandPrefix);

    const bool by_lane = options_.dispatch == Dispatch::kByLane;
    const int frames_half = std::max(frames / 2, 1);  // an inproc queue holds what both ends allow
    std::vector<zmq::socket_t> pushes;
    for (unsigned i = 0; i < (by_lane ? options_.workers : 1); ++i) {
      zmq::socket_t& push = pushes.emplace_back(inproc_, zmq::socket_type::push);
      push.set(zmq::sockopt::sndhwm, frames_half);
      push.set(zmq::sockopt::linger, 0);
      push.set(zmq::sockopt::sndtimeo, static_cast<int>(transport::kPollInterval.count()));
      push.bind(fmt::format("{}-{}", kWorkersEndpoint, i));
    }
    const WorkerContext context{accounts_, topics_, clock_, clock_offset_ns_};
    for (unsigned i = 0; i < options_.workers; ++i) {
      zmq::socket_t pull(inproc_, zmq::socket_type::pull);
      pull.set(zmq::sockopt::rcvhwm, frames_half);
      pull.connect(fmt::format("{}-{}", kWorkersEndpoint, by_lane ? i : 0));
      workers_.push_back(std::make_unique<Worker>(context, std::move(pull), make_handler(i)));
    }
    TD_TRY(transport::connect(sub, endpoint_.text()));
    subscriber_ =
        std::make_unique<Subscriber>(std::move(sub), std::move(pushes), accounts_, topics_, options_, stop_, clock_);
    return {};
  }

  void keep_session(std::chrono::milliseconds wait) {
    if (!session_) open_session();
    if (!session_) {
      std::this_thread::sleep_for(wait);
    } else if (session_->step(records(), wait)) {
      subscriber_->note_sign_of_life();
    }
  }

  void open_session() {
    const auto announcement = subscriber_->announcement();
    if (!announcement) return;
    session_ = std::make_unique<SessionClient>(network_, name(), announcement->publisher, clock_, clock_offset_ns_);
    // An endpoint that cannot be: nobody answers, and the receipt stays without a verdict.
    static_cast<void>(session_->connect(transport::reachable(announcement->session_endpoint, endpoint_)));
  }

  void wait_for_workers() {
    const auto done = [this] {
      uint64_t frames = 0;
      for (const auto& worker : workers_) frames += worker->frames();
      return frames == subscriber_->frames();
    };
    while (!done() && !(stop_.requested() && subscriber_->ending() != Ending::kEndOfTape)) {
      keep_session(std::chrono::milliseconds(1));
    }
  }

  core::Result<Outcome> conclude() {
    Outcome outcome{.receipt = receipt(), .interrupted = subscriber_->ending() == Ending::kStopped, .verdict = {}};
    if (session_) {
      // A replay that is dead gets the chance to answer, but not for longer than it took to see that.
      const bool silent = subscriber_->ending() == Ending::kSilence;
      const int64_t timeout_ns = options_.verdict_timeout_ns;
      if (const auto verdict =
              session_->settle(outcome.receipt, silent ? std::min(timeout_ns, options_.silence_ns) : timeout_ns)) {
        outcome.acknowledged = true;
        outcome.equal = verdict->equal;
        outcome.verdict = verdict->sentence;
      }
    }
    for (const auto& worker : workers_) {
      if (!worker->failure().empty()) return core::fail("{}", worker->failure());
    }
    return outcome;
  }

  transport::Receipt receipt() const {
    transport::Receipt receipt;
    receipt.subscriber = name();
    receipt.gaps = subscriber_->gaps();
    receipt.records_lost = subscriber_->records_lost();
    receipt.repeated_records = subscriber_->repeated_records();
    receipt.bad_frames = subscriber_->bad_frames();
    receipt.lanes = accounts_.digests();
    core::Histogram lateness;
    std::string failure;
    for (const auto& worker : workers_) {
      receipt.frames += worker->frames();
      receipt.records += worker->records();
      receipt.record_bytes += worker->record_bytes();
      receipt.records_lost += worker->records_lost();
      receipt.damaged_blocks += worker->damaged_blocks();
      lateness.add(worker->lateness());
      if (failure.empty()) failure = worker->failure();
    }
    receipt.late_p50_ns = lateness.quantile(0.5);
    receipt.late_p99_ns = lateness.quantile(0.99);
    receipt.late_max_ns = lateness.max();
    receipt.problem = failure.empty() ? problem_of(receipt) : failure;
    receipt.complete = receipt.problem.empty();
    return receipt;
  }

  std::string problem_of(const transport::Receipt& receipt) const {
    if (subscriber_->ending() == Ending::kStopped) return "interrupted before the end of the tape";
    if (subscriber_->ending() == Ending::kSilence) {
      return fmt::format("the replay fell silent for {} before the end of the tape",
                         core::format_duration(options_.silence_ns));
    }
    if (subscriber_->publisher_was_interrupted()) return "the replay was interrupted before the end of the tape";
    if (receipt.records_lost > 0 || receipt.damaged_blocks > 0) {
      return fmt::format("{} records lost: {} gaps in the sequence, {} damaged blocks", receipt.records_lost,
                         receipt.gaps, receipt.damaged_blocks);
    }
    return {};
  }

  [[nodiscard]] uint64_t records() const {
    uint64_t records = 0;
    for (const auto& worker : workers_) records += worker->records();
    return records;
  }

  [[nodiscard]] std::string name() const { return options_.name.empty() ? default_name() : options_.name; }

  zmq::context_t& network_;
  const Options& options_;
  const transport::Endpoint endpoint_;
  const core::StopFlag& stop_;
  const core::Clock& clock_;
  LaneAccounts accounts_;
  TopicTable topics_;
  std::atomic<int64_t> clock_offset_ns_{0};
  zmq::context_t inproc_{0};  // carries pointers between our threads, so it needs no I/O thread
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Subscriber> subscriber_;
  std::unique_ptr<SessionClient> session_;
};

}  // namespace

core::Status check(const Options& options) {
  if (options.workers < 1 || options.workers > kWorkersMax) {
    return core::fail_with(core::ExitCode::kUsage, "a Black Box has 1 to {} workers, not {}", kWorkersMax,
                           options.workers);
  }
  return {};
}

core::Result<Outcome> run(const Options& options, const HandlerFactory& make_handler, const core::StopFlag& stop,
                          const core::Clock& clock) {
  if (transport::is_within_process(options.endpoint)) {
    return core::fail_with(core::ExitCode::kUsage,
                           "{} is within one process: replay and handlers meet there with `tapedeck replay --to {}`",
                           options.endpoint, options.endpoint);
  }
  zmq::context_t network(1);
  if (options.io_cpu) TD_TRY(transport::pin_io_threads(network, *options.io_cpu));
  return run_in(network, options, make_handler, stop, clock);
}

core::Result<Outcome> run_in(zmq::context_t& network, const Options& options, const HandlerFactory& make_handler,
                             const core::StopFlag& stop, const core::Clock& clock) {
  TD_TRY(check(options));
  TD_ASSIGN(transport::Endpoint endpoint, transport::parse_endpoint(options.endpoint));
  return Box(network, options, std::move(endpoint), stop, clock).run(make_handler);
}

void keep_message_memory() {
  // One arena, because a message is allocated by the I/O thread and freed by a worker; never trimmed, and large
  // messages from the heap rather than from a mapping of their own, whose pages would be new each time.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 16 << 20);
}

}  // namespace tapedeck::blackbox
