// What the tests of engine/tape share: a folder of their own, a clock that they control, tapes written from plain
// messages and read back into them, and files changed byte by byte.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/core/clock.h"
#include "engine/tape/tape_reader.h"
#include "engine/tape/tape_writer.h"
#include "engine/tape/verify.h"
#include "tests/scratch_folder.h"

namespace tapedeck::tape {

// A message, as it goes onto a tape and comes back.
struct Message {
  uint16_t lane = 0;
  std::string topic;
  std::string payload;
  uint64_t time_ns = 0;
  uint64_t ordinal = 0;
  uint32_t source = 0;
  uint64_t source_time_ns = 0;

  bool operator==(const Message&) const = default;
};
void PrintTo(const Message& message, std::ostream* out);

class ManualClock final : public core::Clock {
 public:
  [[nodiscard]] Nanos now() const override { return Nanos(now_ns); }
  [[nodiscard]] int64_t monotonic_ns() const override { return elapsed_ns; }
  bool sleep_until(int64_t, const core::StopFlag&) const override { return true; }

  uint64_t now_ns = 1'500'000'000'000'000'000;
  int64_t elapsed_ns = 0;
};

// Writes a tape from messages. Topics are registered as they come; every call is expected to succeed.
class TapeMaker {
 public:
  TapeMaker(const std::filesystem::path& path, const TapeOptions& options);

  void add(const Message& message);
  void add(const std::vector<Message>& messages);
  void end_blocks();  // seals the open block of each lane
  void rename(const std::string& topic, const std::string& name);
  Manifest seal();
  TapeWriter& writer() { return writer_; }

 private:
  static TapeWriter create(const std::filesystem::path& path, const TapeOptions& options, const core::Clock& clock);

  ManualClock clock_;
  TapeWriter writer_;
  std::map<std::string, TopicId> topics_;
};

using Lanes = std::map<uint16_t, std::vector<Message>>;

class TapeTest : public ::testing::Test {
 protected:
  // Opens a tape, and expects that this works and finds no damage.
  [[nodiscard]] static TapeReader open_sound(const std::filesystem::path& path);
  // Whether verify finds the tape at `path` clean. Opening it is expected to work.
  [[nodiscard]] static Verification verify_at(const std::filesystem::path& path);

  const ScratchFolder folder_;
};

[[nodiscard]] Lanes by_lane(const std::vector<Message>& messages);
// All records, through LaneCursor or through OrderedMerge; damage met is appended.
[[nodiscard]] Lanes read_lanes(const TapeReader& tape, std::vector<DamageReport>& damage);
[[nodiscard]] std::vector<Message> read_in_order(const TapeReader& tape, std::vector<DamageReport>& damage);
[[nodiscard]] std::string digest_of(const TapeReader& tape, std::vector<DamageReport>& damage);
// The same, where no damage is expected.
[[nodiscard]] Lanes read_lanes(const TapeReader& tape);
[[nodiscard]] std::vector<Message> read_in_order(const TapeReader& tape);
[[nodiscard]] std::string digest_of(const TapeReader& tape);

// `count` messages of `lanes` lanes and as many topics, of sizes that vary, one microsecond apart.
[[nodiscard]] std::vector<Message> some_messages(uint64_t count, uint16_t lanes = 1);

// A tape with everything in it, of a few kilobytes: two lanes of two segments with two or one block each, two sources,
// a topic renamed late, and a ledger. The same bytes every time.
[[nodiscard]] std::vector<Message> small_tape_messages();
void write_small_tape(const std::filesystem::path& path, Codec codec);

// Files as strings of bytes.
[[nodiscard]] std::string load(const std::filesystem::path& path);
void store(const std::filesystem::path& path, std::string_view bytes);
[[nodiscard]] std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder);

// Corrects the checksum in the last four bytes of a header or footer at `offset`.
void sign_header(std::string& file, size_t offset);
// Corrects the checksums of the frame at `offset`, whose size is `size`.
void sign_frame(std::string& file, size_t offset, size_t size);
// Corrects the checksum of a manifest, as docs/tape-format.md says.
[[nodiscard]] std::string sign_manifest(std::string text);

}  // namespace tapedeck::tape
