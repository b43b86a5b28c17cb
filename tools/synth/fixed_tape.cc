#include "tools/synth/fixed_tape.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/core/durations.h"
#include "engine/tape/lane_of.h"
#include "tools/synth/random.h"
#include "tools/synth/zipf.h"

namespace tapedeck::synth {
namespace {

using core::ExitCode;
using core::Nanos;
using core::Status;

constexpr std::string_view kFeed = "fixed";
constexpr uint64_t kStart_ns = 1'704'205'800 * core::kSecond_ns;  // 2024-01-02 09:30:00 New York, 14:30 UTC

Status check(const FixedTapeOptions& options) {
  if (options.payload_bytes < 1 || options.payload_bytes > tape::kPayloadBytesMax) {
    return fail_with(ExitCode::kUsage, "--fixed {}: a message has 1 to {} bytes", options.payload_bytes,
                     tape::kPayloadBytesMax);
  }
  if (options.topics < 1 || options.topics > kTopicsMax) {
    return fail_with(ExitCode::kUsage, "--topics {}: give 1 to {}", options.topics, kTopicsMax);
  }
  if (!(options.zipf >= 0 && options.zipf <= Zipf::kExponentMax)) {
    return fail_with(ExitCode::kUsage, "--zipf {}: give an exponent from 0 to {}", options.zipf, Zipf::kExponentMax);
  }
  if (options.mean_rate < 1 || options.mean_rate > core::kSecond_ns) {
    return fail_with(ExitCode::kUsage, "--mean-rate {}: give 1 to {} messages a second", options.mean_rate,
                     core::kSecond_ns);
  }
  return {};
}

// Payloads cut from one pool of random bytes, each further on than the one before, wrapping around: a small fraction of
// the cost of new random bytes. The number stands in the pool only until the next call: left there, the numbers of all
// messages would in time take the place of what is random.
class Payloads {
 public:
  Payloads(uint32_t payload_bytes, Random& random)
      : payload_bytes_(payload_bytes), step_(core::align8(payload_bytes)), pool_(kPoolBytes + step_) {
    for (size_t at = 0; at < pool_.size(); at += 8) core::store_le(pool_.data() + at, random.next());
    under_number_ = core::load_le<uint64_t>(pool_.data());
  }

  // Good until the next call.
  core::Bytes next(uint64_t number) {
    core::store_le(pool_.data() + at_, under_number_);
    at_ += step_;
    while (at_ >= kPoolBytes) at_ -= kPoolBytes;
    under_number_ = core::load_le<uint64_t>(pool_.data() + at_);
    std::memcpy(pool_.data() + at_, &number, std::min(payload_bytes_, sizeof number));
    return {pool_.data() + at_, payload_bytes_};
  }

 private:
  static constexpr size_t kPoolBytes = 1u << 20;

  size_t payload_bytes_;
  size_t step_;
  size_t at_ = 0;              // of the payload last given
  uint64_t under_number_ = 0;  // what its number hides
  std::vector<std::byte> pool_;
};

// Instants that are 1/rate of a second apart, exactly, each rounded down to a nanosecond.
class EvenTimes {
 public:
  explicit EvenTimes(uint64_t rate) : rate_(rate) {}

  Nanos next() {
    const Nanos now = now_;
    now_ += core::kSecond_ns / rate_;
    rest_ += core::kSecond_ns % rate_;
    if (rest_ >= rate_) {
      rest_ -= rate_;
      now_ += 1;
    }
    return now;
  }

 private:
  uint64_t rate_;
  uint64_t rest_ = 0;
  Nanos now_{kStart_ns};
};

// Which topic each message is on.
class TopicOrder {
 public:
  explicit TopicOrder(const FixedTapeOptions& options)
      : in_turn_(options.zipf == 0), topics_(options.topics), zipf_(options.topics, options.zipf) {}

  uint32_t next(Random& random) {
    if (!in_turn_) return zipf_.draw(random);
    const uint32_t topic = next_;
    next_ = next_ + 1 == topics_ ? 0 : next_ + 1;
    return topic;
  }

 private:
  bool in_turn_;
  uint32_t topics_;
  uint32_t next_ = 0;
  Zipf zipf_;
};

// Registers the topics, whose ids are then 0 to topics - 1, and gives each one's lane. A topic's order key is its id.
std::vector<core::Lane> add_topics(tape::TapeWriter& writer, uint32_t topics) {
  std::vector<core::Lane> lanes(topics);
  for (uint32_t topic = 0; topic < topics; ++topic) {
    TD_CHECK(writer.add_topic(fmt::format("{}/T{:04}", kFeed, topic + 1)).value == topic);
    std::array<std::byte, 4> key;
    core::store_le(key.data(), topic);
    lanes[topic] = tape::lane_of(kFeed, key, writer.options().lanes);
  }
  return lanes;
}

Status write_messages(tape::TapeWriter& writer, const FixedTapeOptions& options, const core::StopFlag& stop) {
  const std::vector<core::Lane> lanes = add_topics(writer, options.topics);
  Random random(options.seed);
  Payloads payloads(options.payload_bytes, random);
  TopicOrder topics(options);
  EvenTimes times(options.mean_rate);
  tape::Record record;
  record.source = writer.add_source(fmt::format("synth --seed {}", options.seed), kFeed);
  for (uint64_t number = 0; number < options.messages; ++number) {
    if (stop.requested()) return fail_with(ExitCode::kInterrupted, "interrupted");
    const uint32_t topic = topics.next(random);
    record.capture_time = times.next();
    record.topic = core::TopicId(topic);
    record.ordinal = core::Ordinal(number);
    record.payload = payloads.next(number);
    TD_TRY(writer.append(lanes[topic], record));
  }
  return {};
}

}  // namespace

core::Result<Report> write_fixed_tape(const std::filesystem::path& path, const FixedTapeOptions& options,
                                      const core::StopFlag& stop) {
  TD_TRY(check(options));
  tape::TapeOptions tape_options = options.tape;
  tape_options.source_times = false;
  TD_ASSIGN(tape::TapeWriter writer, tape::TapeWriter::create(path, tape_options));
  TD_TRY(write_messages(writer, options, stop));
  TD_ASSIGN(const tape::Manifest manifest, writer.seal());
  Report report{.messages = options.messages, .names = options.topics};
  for (const tape::LaneSummary& lane : manifest.lanes) report.bytes += lane.bytes;
  return report;
}

}  // namespace tapedeck::synth
