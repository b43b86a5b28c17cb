#include "engine/tape/convert.h"

#include <algorithm>

#include "engine/tape/digest.h"
#include "engine/tape/lane_cursor.h"
#include "engine/tape/lost_records.h"

namespace tapedeck::tape {
namespace {

constexpr int64_t kProgressInterval_ns = 100'000'000;

// What both passes over records share with their caller.
struct Watch {
  const core::StopFlag& stop;
  const ConvertListener& listener;
  const core::Clock& clock;
};

// One pass over all records of a tape that can be read, lane after lane.
class Pass {
 public:
  // Given each block that is sound, with the arrivals of its records. Damage that it finds costs the block.
  using Take = std::function<core::Result<Damage>(Lane, const BlockView&, const std::vector<Arrival>&)>;

  Pass(const TapeReader& tape, const Watch& watch, bool reads_back)
      : tape_(tape),
        watch_(watch),
        progress_{.reads_back = reads_back, .records = 0, .records_total = tape.totals().records} {}

  core::Status run(const Take& take) {
    for (const LaneContents& lane : tape_.lanes()) TD_TRY(run_lane(LaneCursor(tape_, lane), take));
    return {};
  }

  [[nodiscard]] std::string digest() const { return tape_digest(digests_); }
  [[nodiscard]] const std::vector<DamageReport>& damage() const { return damage_; }
  [[nodiscard]] const std::vector<Loss>& losses() const { return losses_; }  // what the damage cost

 private:
  core::Status run_lane(LaneCursor cursor, const Take& take) {
    for (;;) {
      if (watch_.stop.requested()) return core::fail_with(core::ExitCode::kInterrupted, "interrupted");
      tell_progress();
      switch (cursor.next()) {
        case LaneCursor::Item::kEnd: return {};
        case LaneCursor::Item::kDamage: leave_out(cursor, cursor.damage()); break;
        case LaneCursor::Item::kBlock: TD_TRY(take_block(cursor, take)); break;
      }
    }
  }

  core::Status take_block(const LaneCursor& cursor, const Take& take) {
    const BlockView& block = cursor.block();
    const Lane lane = cursor.lane().summary.lane;
    Damage found = check_records(block);
    const auto arrivals = decode_ordinals(block.side_column, block.size());
    if (!arrivals) found = Damage::kStructure;
    if (found == Damage::kNone) {
      TD_ASSIGN(found, take(lane, block, *arrivals));
    }
    if (found != Damage::kNone) {
      leave_out(cursor, cursor.as_damage(damage_name(found)));
      return {};
    }
    digests_[lane].add(block.size(), block.header.raw_crc, block.header.raw_size);
    progress_.records += block.size();
    return {};
  }

  void leave_out(const LaneCursor& cursor, const DamageReport& damage) {
    const BlockRef& block = cursor.block_ref();
    damage_.push_back(damage);
    losses_.push_back({.cause = LossCause::kNotConverted,
                       .lane = cursor.lane().summary.lane,
                       .first = block.first_sequence.value,
                       .count = block.record_count,
                       .time = block.time_min,
                       .session = {}});
  }

  void tell_progress() {
    if (!watch_.listener) return;
    const int64_t now_ns = watch_.clock.monotonic_ns();
    if (now_ns < progress_due_ns_) return;
    progress_due_ns_ = now_ns + kProgressInterval_ns;
    watch_.listener(progress_);
  }

  const TapeReader& tape_;
  const Watch& watch_;
  ConvertProgress progress_;
  int64_t progress_due_ns_ = 0;
  std::map<Lane, LaneDigest> digests_;
  std::vector<DamageReport> damage_;
  std::vector<Loss> losses_;
};

core::Status check_kinds(const Manifest& manifest) {
  for (const LaneSummary& lane : manifest.lanes) {
    if (lane.kind != LaneKind::kData) {
      return core::fail("lane {} holds something else than records, which this program cannot convert",
                        lane.lane.value);
    }
  }
  return {};
}

// Whether the records of the tape have source times; its first block that can be read tells for all.
bool has_source_times(const TapeReader& tape) {
  for (const LaneContents& lane : tape.lanes()) {
    LaneCursor cursor(tape, lane);
    for (auto item = cursor.next(); item != LaneCursor::Item::kEnd; item = cursor.next()) {
      if (item == LaneCursor::Item::kBlock) return has_source_time(cursor.block().header);
    }
  }
  return TapeOptions{}.source_times;
}

TapeOptions options_of(const TapeReader& tape, const ConvertOptions& options) {
  const uint32_t lanes_used = tape.lanes().empty() ? 0 : tape.lanes().back().summary.lane.value + 1u;
  const uint32_t lanes = std::clamp(tape.manifest().lane_count, std::max(lanes_used, 1u), uint32_t{kLanesMax});
  return {.lanes = static_cast<uint16_t>(lanes),
          .codec = options.codec.value_or(tape.manifest().codec),
          .block_bytes = options.block_bytes,
          .durability = Durability::kSegment,
          .source_times = has_source_times(tape)};
}

// Registers topics up to number `count`. One whose name the tape has lost gets an empty one.
void add_topics(const TapeReader& tape, size_t count, TapeWriter& writer) {
  const std::vector<std::string>& names = tape.topic_names();
  for (size_t id = writer.topic_count(); id < count; ++id) writer.add_topic(id < names.size() ? names[id] : "");
}

// Everything but the records. Topics that have none are counted by the manifest only.
core::Status copy_description(const TapeReader& tape, TapeWriter& writer) {
  const uint64_t topics = std::min<uint64_t>(tape.manifest().topics, kTopicsMax);
  add_topics(tape, std::max<size_t>(topics, tape.topic_names().size()), writer);
  for (const SourceSummary& source : tape.manifest().sources) writer.add_source(source.name, source.protocol);
  return {};
}

// What the new tape's ledger tells: what the old one's did, and what was missing or damaged there. The new one's
// sequences have no gap, so that records lost there are not lost on it.
core::Result<std::vector<Loss>> all_losses(const TapeReader& tape, const std::vector<Loss>& left_out) {
  TD_ASSIGN(std::vector<Loss> losses, tape.losses());
  const std::vector<Loss> missing = find_lost_records(tape);
  losses.insert(losses.end(), missing.begin(), missing.end());
  losses.insert(losses.end(), left_out.begin(), left_out.end());
  for (Loss& loss : losses) {
    if (loss.cause == LossCause::kLostRecords) loss.cause = LossCause::kNotConverted;
  }
  return losses;
}

core::Result<Damage> copy_block(const TapeReader& tape, Lane lane, const BlockView& block,
                                const std::vector<Arrival>& arrivals, TapeWriter& writer,
                                std::vector<bool>& topics_used) {
  uint32_t topic_max = 0;
  for (const RecordView record : block) topic_max = std::max(topic_max, record.topic().value);
  if (topic_max >= kTopicsMax) return Damage::kStructure;
  add_topics(tape, topic_max + 1, writer);
  if (topics_used.size() < writer.topic_count()) topics_used.resize(writer.topic_count());
  auto arrival = arrivals.begin();
  for (const RecordView record : block) {
    TD_TRY(writer.append(lane, {.capture_time = record.capture_time(),
                                .source_time = record.source_time(),
                                .topic = record.topic(),
                                .source = arrival->source,
                                .ordinal = arrival->ordinal,
                                .payload = record.payload()}));
    topics_used[record.topic().value] = true;
    ++arrival;
  }
  return Damage::kNone;
}

// What the tape at `path` holds.
struct ReadBack {
  std::string digest;
  std::vector<std::string> topics;
  std::vector<Loss> losses;
  std::vector<DamageReport> damage;  // of blocks and of all else
};

core::Result<ReadBack> read_back(const std::filesystem::path& path, const Watch& watch) {
  TD_ASSIGN(const TapeReader tape, TapeReader::open(path));
  Pass pass(tape, watch, /*reads_back=*/true);
  TD_TRY(pass.run([](Lane, const BlockView&, const std::vector<Arrival>&) { return Damage::kNone; }));
  TD_ASSIGN(std::vector<Loss> losses, tape.losses());
  ReadBack result{pass.digest(), tape.topic_names(), std::move(losses), tape.damage()};
  result.damage.insert(result.damage.end(), pass.damage().begin(), pass.damage().end());
  return result;
}

bool has_topics_of(const ReadBack& written, const TapeWriter& writer, const std::vector<bool>& topics_used) {
  for (uint32_t id = 0; id < topics_used.size(); ++id) {
    if (!topics_used[id]) continue;
    if (id >= written.topics.size() || written.topics[id] != writer.topic_name(TopicId(id))) return false;
  }
  return true;
}

}  // namespace

core::Result<Conversion> convert(const TapeReader& tape, const std::filesystem::path& path,
                                 const ConvertOptions& options, const core::StopFlag& stop,
                                 const ConvertListener& listener, const core::Clock& clock) {
  const Watch watch{stop, listener, clock};
  TD_TRY(check_kinds(tape.manifest()));
  TD_ASSIGN(TapeWriter writer, TapeWriter::create(path, options_of(tape, options), clock));
  TD_TRY(copy_description(tape, writer));
  Pass pass(tape, watch, /*reads_back=*/false);
  std::vector<bool> topics_used;  // by id
  TD_TRY(pass.run([&](Lane lane, const BlockView& block, const std::vector<Arrival>& arrivals) {
    return copy_block(tape, lane, block, arrivals, writer, topics_used);
  }));
  TD_ASSIGN(const std::vector<Loss> losses, all_losses(tape, pass.losses()));
  for (const Loss& loss : losses) TD_TRY(writer.note_loss(loss));
  Conversion conversion;
  TD_ASSIGN(conversion.manifest, writer.seal());
  conversion.digest = pass.digest();
  TD_ASSIGN(const ReadBack written, read_back(path, watch));
  conversion.digest_read_back = written.digest;
  if (conversion.digest_read_back != conversion.digest) {
    return core::fail("{} was written with the records of digest {}, and reads back with digest {}", path.string(),
                      conversion.digest, conversion.digest_read_back);
  }
  if (!written.damage.empty()) {
    return core::fail("{} was written and reads back damaged: {}", path.string(), to_sentence(written.damage.front()));
  }
  if (!has_topics_of(written, writer, topics_used)) {
    return core::fail("{} was written and reads back with other topic names", path.string());
  }
  if (encode_losses(written.losses) != encode_losses(losses)) {
    return core::fail("{} was written and reads back with another ledger", path.string());
  }
  conversion.damage = tape.damage();
  conversion.damage.insert(conversion.damage.end(), pass.damage().begin(), pass.damage().end());
  return conversion;
}

}  // namespace tapedeck::tape
