#include "replay/direct_play.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/core/notices.h"
#include "engine/topology/pinning.h"
#include "replay/direct_worker.h"

namespace tapedeck::replay {
namespace {

constexpr std::chrono::milliseconds kStatusInterval{100};

using Workers = std::vector<std::unique_ptr<DirectWorker>>;

// Runs all workers to their end; tells the status meanwhile.
void run_all(const Workers& workers, const Options& options, const blackbox::Options& box, const OnStatus& on_status) {
  std::mutex mutex;
  std::condition_variable ended;
  size_t running = workers.size();  // guarded by mutex
  std::vector<std::thread> threads;
  core::Notices notices;
  for (size_t i = 0; i < workers.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i < box.worker_places.size()) notices.add(topology::take_place(box.worker_places[i]));
      workers[i]->run();
      const std::lock_guard lock(mutex);
      --running;
      ended.notify_one();
    });
  }
  Status status{.endpoints = options.endpoints, .session_endpoint = "none", .joined = 1, .slowest = {}};
  std::unique_lock lock(mutex);
  do {
    status.records = 0;
    status.notices = notices.all();
    status.shards.clear();
    for (const auto& worker : workers) {
      status.records += worker->records();
      status.shards.push_back({.records = worker->records()});
    }
    if (on_status) on_status(status);
  } while (!ended.wait_for(lock, kStatusInterval, [&] { return running == 0; }));
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
}

// What the workers read, by the headers of sound blocks: what the handlers' digests must equal.
std::map<core::Lane, tape::LaneDigest> lanes_read(const Workers& workers) {
  std::map<core::Lane, tape::LaneDigest> lanes;
  for (const auto& worker : workers) lanes.insert(worker->read().begin(), worker->read().end());
  return lanes;
}

transport::Receipt receipt_of(const Workers& workers, const std::string& name, bool interrupted) {
  transport::Receipt sum;
  sum.subscriber = name.empty() ? "embedded" : name;
  for (const auto& worker : workers) {
    const transport::Receipt& one = worker->receipt();
    sum.records += one.records;
    sum.record_bytes += one.record_bytes;
    sum.frames += one.frames;
    sum.records_lost += one.records_lost;
    sum.damaged_blocks += one.damaged_blocks;
    sum.lanes.insert(one.lanes.begin(), one.lanes.end());
  }
  if (interrupted) sum.problem = "interrupted before the end of the tape";
  if (sum.damaged_blocks > 0) {
    sum.problem = fmt::format("{} records lost in {} damaged blocks", sum.records_lost, sum.damaged_blocks);
  }
  sum.complete = sum.problem.empty();
  return sum;
}

blackbox::Outcome outcome_of(const Workers& workers, const std::string& name, bool interrupted) {
  blackbox::Outcome outcome{
      .receipt = receipt_of(workers, name, interrupted), .interrupted = interrupted, .verdict = {}};
  const transport::Verdict verdict = judge_receipt(outcome.receipt, lanes_read(workers));
  outcome.acknowledged = true;
  outcome.equal = verdict.equal;
  outcome.verdict = verdict.sentence;
  return outcome;
}

Participant participant_of(const blackbox::Outcome& outcome) {
  return {.name = outcome.receipt.subscriber,
          .records = outcome.receipt.records,
          .equal = outcome.equal,
          .receipt = outcome.receipt,
          .verdict = outcome.verdict};
}

Report report_of(const Workers& workers, const Options& options, const Source& source) {
  Report report;
  report.tape = options.tape;
  report.endpoint = options.endpoints.front();
  report.session_endpoint = "none";
  report.subscribers_asked = 1;
  report.damage = source.tape.damage();
  for (const auto& worker : workers) {
    report.record_bytes += worker->receipt().record_bytes;
    report.frames += worker->receipt().frames;
    report.passes = std::max(report.passes, worker->passes());
    for (tape::DamageReport& part : worker->damage()) report.damage.push_back(std::move(part));
  }
  const auto read = lanes_read(workers);
  for (const auto& [lane, digest] : read) report.records += digest.records;
  report.digest = tape::tape_digest(read);
  report.whole_tape = source.selection.is_whole_tape() && report.passes == 1 && report.damage.empty() &&
                      report.records == source.tape.totals().records;
  return report;
}

}  // namespace

core::Result<Embedded> play_direct(const Options& options, const blackbox::Options& box,
                                   const blackbox::HandlerFactory& make_handler, const core::StopFlag& stop,
                                   const OnStatus& on_status) {
  TD_ASSIGN(const Source source, open_source(options));
  blackbox::TopicTable topics;
  topics.set(source.tape.topic_names());
  core::StopFlag stop_all(&stop);
  const DirectWorker::Context context{.what = {.tape = source.tape,
                                               .selection = source.selection,
                                               .batch_bytes = options.batch_bytes,
                                               .whole_blocks = source.whole_blocks,
                                               .passes = options.passes},
                                      .topics = topics,
                                      .stop = stop_all};
  Workers workers;
  const std::vector<LaneShare> shares = deal_lanes(source.tape, source.selection, box.workers);
  for (unsigned i = 0; i < box.workers; ++i) {
    workers.push_back(std::make_unique<DirectWorker>(context, shares[i], make_handler(i)));
  }
  const int64_t started_ns = core::system_clock().monotonic_ns();
  run_all(workers, options, box, on_status);
  const int64_t ended_ns = core::system_clock().monotonic_ns();

  for (const auto& worker : workers) {
    if (!worker->failure().empty()) return core::fail("{}", worker->failure());
  }
  const bool interrupted = stop.requested();
  Embedded result{report_of(workers, options, source), outcome_of(workers, box.name, interrupted)};
  result.report.interrupted = interrupted;
  result.report.seconds = static_cast<double>(ended_ns - started_ns) * 1e-9;
  result.report.participants = {participant_of(result.outcome)};
  return result;
}

}  // namespace tapedeck::replay
