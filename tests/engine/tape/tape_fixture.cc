#include "tests/engine/tape/tape_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ostream>

#include "engine/core/crc32c.h"
#include "engine/tape/lane_cursor.h"
#include "engine/tape/ordered_merge.h"

namespace tapedeck::tape {

namespace fs = std::filesystem;

namespace {

// As many as a test needs to name two sources.
constexpr uint32_t kSources = 2;

Message message_of(const TapeReader& tape, Lane lane, RecordView record, Arrival arrival) {
  const uint32_t topic = record.topic().value;
  return {.lane = lane.value,
          .topic = topic < tape.topic_names().size() ? tape.topic_names()[topic] : "?",
          .payload = std::string(core::as_text(record.payload())),
          .time_ns = record.capture_time().value,
          .ordinal = arrival.ordinal.value,
          .source = arrival.source.value,
          .source_time_ns = record.source_time().value};
}

std::vector<DamageReport> expect_none(std::vector<DamageReport> damage) {
  for (const DamageReport& part : damage) ADD_FAILURE() << to_sentence(part);
  return damage;
}

}  // namespace

void PrintTo(const Message& m, std::ostream* out) {
  *out << fmt::format("{{lane {} {} \"{}\" time {} source {} ordinal {} source time {}}}", m.lane, m.topic,
                      m.payload.substr(0, 40), m.time_ns, m.source, m.ordinal, m.source_time_ns);
}

TapeMaker::TapeMaker(const fs::path& path, const TapeOptions& options) : writer_(create(path, options, clock_)) {
  for (uint32_t i = 0; i < kSources; ++i) writer_.add_source(fmt::format("file:{}.pcap", i), "lines");
}

TapeWriter TapeMaker::create(const fs::path& path, const TapeOptions& options, const core::Clock& clock) {
  auto writer = TapeWriter::create(path, options, clock);
  if (!writer) throw std::runtime_error(writer.error().message);
  return std::move(*writer);
}

void TapeMaker::add(const Message& m) {
  auto topic = topics_.find(m.topic);
  if (topic == topics_.end()) topic = topics_.emplace(m.topic, writer_.add_topic(m.topic)).first;
  const core::Status appended = writer_.append(Lane(m.lane), {.capture_time = Nanos(m.time_ns),
                                                              .source_time = Nanos(m.source_time_ns),
                                                              .topic = topic->second,
                                                              .source = SourceId(m.source),
                                                              .ordinal = Ordinal(m.ordinal),
                                                              .payload = core::as_bytes(m.payload)});
  EXPECT_TRUE(appended) << appended.error().message;
}

void TapeMaker::add(const std::vector<Message>& messages) {
  for (const Message& message : messages) add(message);
}

void TapeMaker::end_blocks() {
  clock_.elapsed_ns += writer_.options().flush_interval_ns;
  const core::Status flushed = writer_.flush_due();
  EXPECT_TRUE(flushed) << flushed.error().message;
}

void TapeMaker::rename(const std::string& topic, const std::string& name) {
  writer_.rename_topic(topics_.at(topic), name);
}

Manifest TapeMaker::seal() {
  auto manifest = writer_.seal();
  EXPECT_TRUE(manifest) << manifest.error().message;
  return manifest.value_or(Manifest{});
}

TapeReader TapeTest::open_sound(const fs::path& path) {
  auto tape = TapeReader::open(path);
  if (!tape) throw std::runtime_error(tape.error().message);
  expect_none(tape->damage());
  return std::move(*tape);
}

Verification TapeTest::verify_at(const fs::path& path) {
  const auto tape = TapeReader::open(path);
  if (!tape) throw std::runtime_error(tape.error().message);
  auto verification = verify(*tape);
  if (!verification) throw std::runtime_error(verification.error().message);
  return std::move(*verification);
}

Lanes by_lane(const std::vector<Message>& messages) {
  Lanes lanes;
  for (const Message& message : messages) lanes[message.lane].push_back(message);
  return lanes;
}

Lanes read_lanes(const TapeReader& tape, std::vector<DamageReport>& damage) {
  Lanes lanes;
  for (const LaneContents& contents : tape.lanes()) {
    const Lane lane = contents.summary.lane;
    LaneCursor cursor(tape, contents);
    for (auto item = cursor.next(); item != LaneCursor::Item::kEnd; item = cursor.next()) {
      if (item == LaneCursor::Item::kDamage) {
        damage.push_back(cursor.damage());
        continue;
      }
      const auto arrivals = decode_ordinals(cursor.block().side_column, cursor.block().size());
      size_t i = 0;
      for (const RecordView record : cursor.block()) {
        const Arrival arrival = arrivals && i < arrivals->size() ? (*arrivals)[i] : Arrival{};
        lanes[lane.value].push_back(message_of(tape, lane, record, arrival));
        ++i;
      }
    }
  }
  return lanes;
}

std::vector<Message> read_in_order(const TapeReader& tape, std::vector<DamageReport>& damage) {
  std::vector<Message> messages;
  OrderedMerge merge(tape, [&damage](const DamageReport& part) { damage.push_back(part); });
  while (const auto item = merge.next()) messages.push_back(message_of(tape, item->lane, item->record, item->arrival));
  return messages;
}

std::string digest_of(const TapeReader& tape, std::vector<DamageReport>& damage) {
  return tape_digest(compute_digests(tape, damage));
}

Lanes read_lanes(const TapeReader& tape) {
  std::vector<DamageReport> damage;
  Lanes lanes = read_lanes(tape, damage);
  expect_none(damage);
  return lanes;
}

std::vector<Message> read_in_order(const TapeReader& tape) {
  std::vector<DamageReport> damage;
  std::vector<Message> messages = read_in_order(tape, damage);
  expect_none(damage);
  return messages;
}

std::string digest_of(const TapeReader& tape) {
  std::vector<DamageReport> damage;
  std::string digest = digest_of(tape, damage);
  expect_none(damage);
  return digest;
}

std::vector<Message> some_messages(uint64_t count, uint16_t lanes) {
  std::vector<Message> messages;
  for (uint64_t i = 0; i < count; ++i) {
    const auto lane = static_cast<uint16_t>(i * 7 % lanes);
    messages.push_back({.lane = lane,
                        .topic = fmt::format("TEST/{}", lane),
                        .payload = fmt::format("message {:0{}}", i, i * 11 % 90),
                        .time_ns = 1'500'000'000'000'000'000 + i * 1000,
                        .ordinal = i,
                        .source = 0,
                        .source_time_ns = i * 1000 + 1});
  }
  return messages;
}

std::vector<Message> small_tape_messages() {
  std::vector<Message> messages;
  const std::vector<uint16_t> lanes = {0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1};
  for (uint64_t i = 0; i < lanes.size(); ++i) {
    messages.push_back({.lane = lanes[i],
                        .topic = lanes[i] == 0 ? "TEST/A" : "TEST/B",
                        .payload = i == 5 ? "" : fmt::format("bid 100.{:02} x 300 bid 100.{:02} x 300", i, i),
                        .time_ns = 1'500'000'000'000'000'000 + i / 2 * 1000,
                        .ordinal = i / 2,
                        .source = static_cast<uint32_t>(i % 2),
                        .source_time_ns = i % 2 == 0 ? 34'200'000'000'000 + i : 0});
  }
  return messages;
}

void write_small_tape(const fs::path& path, Codec codec) {
  const std::vector<Message> messages = small_tape_messages();
  TapeOptions options;
  options.lanes = 2;
  options.codec = codec;
  options.id = TapeId(0x1122334455667788);
  options.segment_duration_ns = 4000;
  TapeMaker tape(path, options);
  for (size_t i = 0; i < messages.size(); ++i) {
    Message message = messages[i];
    if (message.topic == "TEST/B") message.topic = "TEST/?";
    tape.add(message);
    if (i % 4 == 3) tape.end_blocks();
  }
  tape.rename("TEST/?", "TEST/B");
  for (const LossCause cause : {LossCause::kSequenceGap, LossCause::kCutPacket}) {
    EXPECT_TRUE(tape.writer().note_loss({.source = SourceId(1),
                                         .cause = cause,
                                         .first = 6,
                                         .count = 2,
                                         .time = Nanos(1'500'000'000'000'003'000),
                                         .session = "SESSION1"}));
  }
  tape.seal();
}

std::string load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Not by way of an empty file: ext4 writes those out at once when they are closed, which takes thousands of tests
// minutes.
void store(const fs::path& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0) << path;
  EXPECT_EQ(::pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size())) << path;
  EXPECT_EQ(::ftruncate(fd, static_cast<off_t>(bytes.size())), 0) << path;
  ::close(fd);
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void sign_header(std::string& file, size_t offset) {
  const Bytes covered = core::as_bytes(file).subspan(offset, kHeaderSize - 4);
  core::store_le(reinterpret_cast<std::byte*>(file.data()) + offset + kHeaderSize - 4, core::crc32c(covered));
}

void sign_frame(std::string& file, size_t offset, size_t size) {
  std::byte* const frame = reinterpret_cast<std::byte*>(file.data()) + offset;
  const Bytes body(frame + kHeaderSize, size - kHeaderSize);
  const auto raw_size = core::load_le<uint32_t>(frame + offsetof(BlockHeader, raw_size));
  core::store_le(frame + offsetof(BlockHeader, stored_crc), core::crc32c(body));
  if ((file[offset + offsetof(BlockHeader, codec_and_flags)] & kCodecMask) == 0 && raw_size <= body.size()) {
    core::store_le(frame + offsetof(BlockHeader, raw_crc), core::crc32c(body.first(raw_size)));
  }
  sign_header(file, offset);
}

std::string sign_manifest(std::string text) {
  const std::string key = ",\n  \"crc32c\": \"";
  const size_t at = text.find(key);
  EXPECT_NE(at, std::string::npos) << text;
  std::string covered = text;
  covered.erase(at, key.size() + 9);  // with the eight digits and the quotation mark
  return text.replace(at + key.size(), 8, fmt::format("{:08x}", core::crc32c(core::as_bytes(covered))));
}

}  // namespace tapedeck::tape
