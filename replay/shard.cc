#include "replay/shard.h"

#include <algorithm>
#include <climits>
#include <thread>

#include "engine/core/parse.h"
#include "engine/topology/pinning.h"
#include "engine/transport/lines.h"

namespace tapedeck::replay {
namespace {

constexpr size_t kBuffersInFlight = 3;
constexpr uint64_t kQueueBytesUsual = 64u << 20;
constexpr uint64_t kPlainQueueBytesUsual = 4u << 20;  // small messages are dear once they have left the caches
constexpr size_t kRunsAheadOfLanes = 8;               // in the read-ahead's queue and hands
constexpr size_t kSliceBytesMax = 64u << 10;
constexpr uint64_t kPlainFramesMin = 1000;  // in a queue, however small it is
constexpr int64_t kInBandWhileWaiting_ns = 100'000'000;
constexpr int64_t kHousekeeping_ns = 100'000'000;
constexpr int64_t kSkewPoll_ns = 200'000;
constexpr int64_t kEndRepeat_ns = 500'000'000;
constexpr int64_t kDismissedPoll_ns = 1'000'000;
constexpr int kLinger_ms = 5000;
constexpr int kPlainLinger_ms = 60'000;  // for clients that give no receipt when they have read all

}  // namespace

Shard::Shard(const SharedByShards& shared, size_t number, zmq::context_t& network, const LaneShare& lanes)
    : shared_(shared),
      number_(number),
      network_(network),
      pool_(buffers(lanes.size()), kRunOverhead + shared.run_bytes),
      publisher_(network, shared.options.on_slow, frames_in_queue(), shared.source.tape.id(), shared.publisher,
                 shared.source.plain, shared.stop, shared.clock),
      reader_({.tape = shared.source.tape,
               .selection = shared.source.selection,
               .batch_bytes = shared.options.batch_bytes,
               .whole_blocks = shared.source.whole_blocks,
               .passes = shared.options.passes,
               .order = order()},
              lanes) {}

uint64_t Shard::queue_bytes() const {
  const Options& options = shared_.options;
  const bool is_best_small = options.wire == transport::Wire::kPlain && options.on_slow == OnSlow::kBlock;
  return options.queue_bytes.value_or(is_best_small ? kPlainQueueBytesUsual : kQueueBytesUsual);
}

// Queues are bounded in bytes; ZeroMQ counts frames, so their number follows from the largest, and on the plain wire
// from the mean record.
int Shard::frames_in_queue() const {
  const bool is_plain = shared_.options.wire == transport::Wire::kPlain;
  const uint64_t frame_bytes = is_plain               ? shared_.mean_record_bytes
                               : shared_.options.rate ? kSliceBytesMax
                                                      : shared_.run_bytes;
  const uint64_t frames = std::max<uint64_t>(queue_bytes() / frame_bytes, is_plain ? kPlainFramesMin : 2);
  return static_cast<int>(std::min<uint64_t>(frames, INT_MAX));
}

Order Shard::order() const {
  if (!shared_.options.ordered) return Order::kOfRuns;
  return shared_.options.rate ? Order::kOfArrivalByTime : Order::kOfArrival;
}

// Few, so that a buffer is still cached when it is used again; a paced replay also holds one for each lane.
size_t Shard::buffers(size_t lanes) const {
  return kBuffersInFlight + (shared_.options.rate ? lanes + kRunsAheadOfLanes : 0);
}

const topology::ShardPlace* Shard::place() const {
  const auto& places = shared_.options.places;
  return number_ < places.size() ? &places[number_] : nullptr;
}

core::Result<std::string> Shard::bind(const transport::Endpoint& endpoint, size_t copy) {
  return endpoint.is_multicast() ? open_output(endpoint, copy) : publisher_.bind(endpoint);
}

core::Result<std::string> Shard::open_output(const transport::Endpoint& endpoint, size_t copy) {
  TD_ASSIGN(const transport::MulticastSettings settings, transport::settle(endpoint, shared_.options.multicast));
  shared_.notices.add({settings.sentence()});
  TD_ASSIGN(std::unique_ptr<transport::LineSender> line,
            transport::make_line_sender(settings, shared_.notices, shared_.clock));
  TD_ASSIGN(const std::string way, publisher_.bind({.scheme = transport::Scheme::kInproc,
                                                    .path = fmt::format("multicast-{}-{}", number_, copy)}));
  outputs_.push_back(
      {.endpoint = endpoint.text(),
       .sender = std::make_unique<transport::MulticastSender>(network_, way, std::move(line), shared_.options.wire,
                                                              shared_.windows[copy], shared_.stop, shared_.clock),
       .thread = {}});
  publisher_.wait_for_subscription();
  return endpoint.text();
}

void Shard::start_outputs() {
  for (Output& output : outputs_) {
    output.thread = std::thread([this, &output] {
      if (place() != nullptr) shared_.notices.add(topology::take_place(place()->io));
      output.sender->run();
    });
  }
}

// They have as long as ZeroMQ's own threads have to send what is left. What then is left is let go, and told.
void Shard::finish_outputs() {
  const core::StopFlag never;
  const int64_t give_up_ns = shared_.clock.monotonic_ns() + int64_t{linger_ms()} * 1'000'000;
  for (Output& output : outputs_) output.sender->finish();
  for (Output& output : outputs_) {
    while (!output.sender->has_ended() && shared_.clock.monotonic_ns() < give_up_ns) {
      shared_.clock.sleep_until(shared_.clock.monotonic_ns() + kDismissedPoll_ns, never);
    }
    const bool in_time = output.sender->has_ended();
    output.sender->give_up();
    output.thread.join();
    if (!in_time) note_unsent(output);
  }
}

void Shard::note_unsent(Output& output) const {
  output.unsent = publisher_.records() - output.sender->records_sent();
  for (const auto& [lane, records] : output.sender->records_lost()) output.unsent -= records;
  if (output.unsent == 0) return;
  shared_.notices.add(
      {fmt::format("the line {} had not sent everything {} after the end: {} records are let go", output.endpoint,
                   core::format_duration(int64_t{linger_ms()} * 1'000'000), core::format_count(output.unsent))});
}

void Shard::run() {
  // Before this thread takes its place, which those that it starts inherit.
  if (reads_ahead()) ahead_.emplace(reader_, pool_, shared_.stop, [this] { place_read_ahead(); });
  if (place() != nullptr) shared_.notices.add(topology::take_place(place()->thread));
  start_outputs();
  const bool go = wait_for_subscribers();
  if (!go) shared_.start_line.count_down();
  if (go) play();
  ahead_.reset();
  shared_.skew.finish(number_);
  phase_.store(Phase::kPlayed, std::memory_order_release);
  say_the_end();
  publisher_.close(linger_ms());
  finish_outputs();
}

// A paced replay does, for the disk must not make a record late. And one in order of arrival: the search for the next
// record that is wanted may go through the whole tape, and this thread has to give signs of life meanwhile.
bool Shard::reads_ahead() const { return shared_.options.rate.has_value() || shared_.options.ordered; }

// It mostly waits, so no plan has a CPU for it; but it is the first to touch the buffers.
void Shard::place_read_ahead() {
  if (place() == nullptr) return;
  shared_.notices.add(topology::take_place(
      {.name = fmt::format("read-{}", number_), .cpu = {}, .node = place()->thread.node, .fifo_priority = {}}));
}

int Shard::linger_ms() const {
  if (shared_.options.on_slow == OnSlow::kDrop) return 0;
  return shared_.source.plain && !shared_.stop.requested() ? kPlainLinger_ms : kLinger_ms;
}

bool Shard::wait_for_subscribers() {
  const core::Clock& clock = shared_.clock;
  const Options& options = shared_.options;
  while (shared_.session.joined() < options.wait_for || publisher_.subscriptions() < options.wait_for_subscriptions) {
    if (shared_.stop.requested()) return false;
    publisher_.repeat_in_band(/*now=*/true, /*everything=*/false);
    clock.sleep_until(clock.monotonic_ns() + kInBandWhileWaiting_ns, shared_.stop);
  }
  phase_.store(Phase::kPlaying, std::memory_order_relaxed);
  greet_new_ones();
  return true;
}

// Whoever has just joined needs the names before the next record.
void Shard::greet_new_ones() {
  const size_t joined = shared_.session.joined();
  const bool somebody_is_new = joined != greeted_;
  greeted_ = joined;
  publisher_.repeat_in_band(somebody_is_new || joined == 0, somebody_is_new || joined == 0);
}

void Shard::keep_house() {
  const int64_t now_ns = shared_.clock.monotonic_ns();
  if (now_ns < next_housekeeping_ns_) return;
  next_housekeeping_ns_ = now_ns + kHousekeeping_ns;
  greet_new_ones();
}

void Shard::play() {
  core::use_exact_timers();
  shared_.options.rate ? play_paced() : play_at_full_speed();
  played_ns_ = shared_.clock.monotonic_ns();
}

// With the first run at hand.
void Shard::start_with_the_others() {
  shared_.start_line.arrive_and_wait();
  started_ns_ = shared_.clock.monotonic_ns();
  shared_.tape_clock.start(started_ns_);
}

void Shard::play_paced() {
  while (!ahead_->runs().wait(transport::kPollInterval) && !shared_.stop.requested()) keep_house();
  start_with_the_others();
  const Selection& selection = shared_.source.selection;
  paced_.emplace(Pace{.start = selection.start(),
                      .end = selection.end(),
                      .late_limit_ns = shared_.options.late_limit_ns,
                      .slice_bytes_max = kSliceBytesMax - tape::kHeaderSize},
                 shared_.tape_clock, ahead_->runs(), publisher_, shared_.stop, shared_.clock);
  shared_.options.ordered ? paced_->run_in_order([this] { keep_house(); }) : paced_->run([this] { keep_house(); });
  passes_ = paced_->passes();
}

void Shard::play_at_full_speed() {
  std::optional<Run> run = next_run();
  start_with_the_others();
  for (; run; run = next_run()) {
    passes_ = run->pass + 1;
    if (!wait_for_slower_shards(position_of(*run)) || !publisher_.send(std::move(*run), 0)) return;
  }
}

// Nothing at the end, or when the replay was stopped.
std::optional<Run> Shard::next_run() { return ahead_ ? take_run() : read_run(); }

std::optional<Run> Shard::take_run() {
  std::optional<Run> run;
  do {
    keep_house();
    if (shared_.stop.requested()) return std::nullopt;
    run = ahead_->runs().pop(transport::kPollInterval);
  } while (!run && !ahead_->runs().exhausted());
  return run;
}

// Read here and not by a thread of its own: what is read next is sent next, while the I/O thread sends what was read
// before; a thread between the two would cost wake-ups, and a core where there are enough.
std::optional<Run> Shard::read_run() {
  for (;;) {
    Run run;
    do {
      keep_house();
      if (shared_.stop.requested()) return std::nullopt;
      run.buffer = core::BufferLease(pool_.acquire_within(transport::kPollInterval));
    } while (!run.buffer);
    const Read read = reader_.read(run);
    if (read == Read::kEnd) return std::nullopt;
    if (read == Read::kRun) return run;
  }
}

// Tape time since the start of the first pass.
uint64_t Shard::position_of(const Run& run) const {
  const Selection& selection = shared_.source.selection;
  return position_in_passes(run.pass, selection.end() - selection.start() + 1, run.order_time - selection.start());
}

bool Shard::wait_for_slower_shards(uint64_t position) {
  while (!shared_.skew.advance(number_, position)) {
    if (!shared_.clock.sleep_until(shared_.clock.monotonic_ns() + kSkewPoll_ns, shared_.stop)) return false;
    keep_house();
  }
  return true;
}

Status::Shard Shard::status() const {
  return {.records = publisher_.records(),
          .record_bytes = publisher_.record_bytes(),
          .queued = pool_.in_use(),
          .held_back_ns = static_cast<int64_t>(publisher_.held_back_total_ns()) + publisher_.held_back_ns()};
}

void Shard::say_the_end() {
  const core::StopFlag never;
  const int64_t give_up_ns = shared_.clock.monotonic_ns() + int64_t{linger_ms()} * 1'000'000;
  int64_t next_end_ns = 0;
  bool said = false;
  bool nobody_waits = false;
  do {
    const int64_t now_ns = shared_.clock.monotonic_ns();
    if (now_ns >= next_end_ns) {
      said |= publisher_.send_end(static_cast<uint32_t>(number_), shared_.stop.requested());
      next_end_ns = now_ns + kEndRepeat_ns;
    }
    shared_.clock.sleep_until(now_ns + kDismissedPoll_ns, never);
    nobody_waits = said || !shared_.source.plain || shared_.stop.requested() || now_ns >= give_up_ns;
  } while (!dismissed_.load(std::memory_order_relaxed) || !nobody_waits);
}

std::vector<tape::DamageReport> Shard::damage() const {
  std::vector<tape::DamageReport> damage = reader_.damage();
  const auto note = [&damage](const std::map<core::Lane, uint64_t>& lost, tape::Damage what) {
    for (const auto& [lane, records] : lost) {
      damage.push_back(
          {.file = tape::lane_folder(lane), .records_lost = records, .what = std::string(damage_name(what))});
    }
  };
  if (paced_) note(paced_->records_lost(), tape::Damage::kRaw);
  note(publisher_.records_lost(), tape::Damage::kStructure);
  if (!outputs_.empty()) note(outputs_.front().sender->records_lost(), tape::Damage::kRaw);  // of all the same
  for (const Output& output : outputs_) {
    if (output.unsent == 0) continue;
    damage.push_back({.file = output.endpoint,
                      .records_lost = output.unsent,
                      .what = "not sent before the end, for the line is too slow"});
  }
  return damage;
}

}  // namespace tapedeck::replay
