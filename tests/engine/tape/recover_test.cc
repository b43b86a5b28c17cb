// Whatever was cut off or altered: after recover every block that was whole is there with its records, and what is
// still damaged is named.
#include "engine/tape/recover.h"

#include <algorithm>
#include <cstdlib>

#include "tests/engine/tape/tape_fixture.h"
#include "tests/scratch_folder.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using Files = std::map<fs::path, std::string>;

Files files_of(const fs::path& tape) {
  Files files;
  for (const fs::path& file : files_in(tape)) files[file] = load(file);
  return files;
}

// In memory where that is possible: recover syncs what it writes, and here are thousands of tapes.
class RecoverTest : public ::testing::TestWithParam<Codec> {
 protected:
  RecoverTest() {
    tape_ = folder_ / "t";
    write_small_tape(tape_, GetParam());
    sound_ = files_of(tape_);
    const auto tape = TapeReader::open(tape_);
    original_ = read_lanes(*tape);
    for (const LaneContents& lane : tape->lanes()) {
      for (const Segment& segment : lane.segments) {
        for (const BlockRef& block : segment.index.blocks) {
          blocks_[segment.path].push_back(block);
          names_end_[segment.path] = block.offset + block.frame_size;
        }
      }
    }
  }

  void restore() const {
    fs::remove_all(tape_);
    for (const auto& [file, bytes] : sound_) {
      fs::create_directories(file.parent_path());
      store(file, bytes);
    }
  }

  // As the recorder leaves it when it is killed before it has sealed the tape.
  void mark_unsealed() const {
    std::string text = sound_.at(tape_ / kManifestName);
    const size_t at = text.find("\"sealed\": true");
    store(tape_ / kManifestName, sign_manifest(text.replace(at, 14, "\"sealed\": false")));
  }

  // Recovers, and again, which must change nothing. Expects that verify goes on to tell all that is lost.
  Recovery recover_twice() const {
    auto recovery = recover(tape_);
    if (!recovery) {
      EXPECT_EQ(recovery.error().code, core::ExitCode::kDamaged) << recovery.error().message;
      return {};
    }
    const Files once = files_of(tape_);
    const auto again = recover(tape_);
    EXPECT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->repairs.empty()) << again->repairs.front().file << ": " << again->repairs.front().what;
    EXPECT_EQ(once, files_of(tape_));
    EXPECT_EQ(again->damage.empty(), recovery->verification.clean());
    EXPECT_EQ(again->verification.records_lost, recovery->verification.records_lost);
    EXPECT_EQ(again->verification.clean(), recovery->verification.clean());
    if (const auto tape = TapeReader::open(tape_)) {
      EXPECT_TRUE(tape->manifest().sealed);
    } else {
      ADD_FAILURE() << tape.error().message;
    }
    return std::move(*recovery);
  }

  // How many records there are; all must be of the original ones, in their order.
  uint64_t count_unaltered_records(bool names_hold) {
    const auto tape = TapeReader::open(tape_);
    std::vector<DamageReport> damage;
    uint64_t records = 0;
    for (const auto& [lane, messages] : read_lanes(*tape, damage)) {
      auto from = original_[lane].begin();
      for (const Message& message : messages) {
        from = std::find_if(from, original_[lane].end(), [&](Message one) {
          if (!names_hold) one.topic = message.topic;
          return one == message;
        });
        EXPECT_NE(from, original_[lane].end()) << "altered: " << ::testing::PrintToString(message);
        if (from == original_[lane].end()) return records;
        ++from;
        ++records;
      }
    }
    EXPECT_EQ(read_in_order(*tape, damage).size(), records);
    return records;
  }

  // The records of all blocks but those of `file` for which `is_hit` is true.
  template <class IsHit>
  uint64_t records_but(const fs::path& file, IsHit is_hit) const {
    uint64_t records = 0;
    for (const auto& [path, blocks] : blocks_) {
      for (const BlockRef& block : blocks) records += path == file && is_hit(block) ? 0 : block.record_count;
    }
    return records;
  }

  // Of records that are not on the tape any more, verify, the ledger and damage tell.
  static void expect_all_told(const Recovery& recovery) {
    EXPECT_EQ(recovery.verification.records + recovery.verification.records_lost, small_tape_messages().size());
    EXPECT_EQ(recovery.verification.clean() && recovery.verification.records_lost > 0, false);
  }

  // The entries that recover has made.
  std::vector<Loss> lost_records() const {
    std::vector<Loss> losses = TapeReader::open(tape_)->losses().value();
    std::erase_if(losses, [](const Loss& loss) { return loss.cause != LossCause::kLostRecords; });
    return losses;
  }

  bool is_last_of_its_lane(const fs::path& file) const { return file.filename() != segment_name(0); }

  const ScratchFolder folder_ = ScratchFolder::in_memory();
  fs::path tape_;
  Files sound_;
  Lanes original_;
  std::map<fs::path, std::vector<BlockRef>> blocks_;  // by segment
  std::map<fs::path, uint64_t> names_end_;            // of the blocks, behind which an index has names
};

INSTANTIATE_TEST_SUITE_P(Codecs, RecoverTest, ::testing::Values(Codec::kNone, Codec::kLz4),
                         [](const auto& test) { return std::string(codec_name(test.param)); });

TEST_P(RecoverTest, ChangesNoByteOfASoundTape) {
  const auto recovery = recover(tape_);
  ASSERT_TRUE(recovery) << recovery.error().message;
  EXPECT_TRUE(recovery->repairs.empty());
  EXPECT_TRUE(recovery->damage.empty());
  EXPECT_TRUE(recovery->verification.clean());
  EXPECT_EQ(recovery->verification.records, small_tape_messages().size());
  EXPECT_EQ(files_of(tape_), sound_);
}

TEST_P(RecoverTest, RestoresAllThatWasWrittenWholeWhereverTheRecorderWasKilled) {
  for (const auto& [file, bytes] : sound_) {
    if (file.filename() == kManifestName || !is_last_of_its_lane(file)) continue;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      SCOPED_TRACE(fmt::format("{} cut to {} bytes", file.string(), size));
      mark_unsealed();
      store(file, std::string_view(bytes).substr(0, size));
      const Recovery recovery = recover_twice();
      EXPECT_TRUE(recovery.verification.clean());
      EXPECT_TRUE(recovery.damage.empty()) << to_sentence(recovery.damage.front());
      EXPECT_EQ(count_unaltered_records(size == bytes.size()),
                records_but(file, [size](const BlockRef& b) { return b.offset + b.frame_size > size; }));
      if (HasFailure()) return;
    }
    restore();
  }
}

TEST_P(RecoverTest, CallsItDamageWhenASegmentThatHadBeenSealedIsCutOnATapeThatWasNot) {
  const fs::path file = tape_ / lane_folder(Lane(0)) / segment_name(0);
  for (size_t size = 0; size < sound_.at(file).size(); ++size) {
    SCOPED_TRACE(fmt::format("cut to {} bytes", size));
    mark_unsealed();
    store(file, std::string_view(sound_.at(file)).substr(0, size));
    EXPECT_FALSE(recover_twice().damage.empty());
    if (HasFailure()) return;
  }
}

TEST_P(RecoverTest, KeepsAllWholeBlocksOfASealedTapeThatWasCutAnywhereAndCallsThatDamage) {
  for (const auto& [file, bytes] : sound_) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      SCOPED_TRACE(fmt::format("{} cut to {} bytes", file.string(), size));
      store(file, std::string_view(bytes).substr(0, size));
      const Recovery recovery = recover_twice();
      EXPECT_FALSE(recovery.damage.empty());
      if (file.filename() != kManifestName) expect_all_told(recovery);
      EXPECT_EQ(count_unaltered_records(false),
                records_but(file, [size](const BlockRef& b) { return b.offset + b.frame_size > size; }));
      EXPECT_GE(fs::file_size(file), std::min<uint64_t>(size, names_end_[file])) << "data were taken away";
      if (HasFailure()) return;
      restore();
    }
  }
}

TEST_P(RecoverTest, KeepsAllOtherBlocksWhateverByteIsAlteredAndNamesItsPlace) {
  for (const auto& [file, bytes] : sound_) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      SCOPED_TRACE(fmt::format("byte {} of {}", i, file.string()));
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      store(file, damaged);
      const Recovery recovery = recover_twice();
      EXPECT_TRUE(std::ranges::any_of(recovery.damage, [&, &file = file](const DamageReport& part) {
        return tape_ / part.file == file && (part.size == 0 || (part.offset <= i && i < part.offset + part.size));
      }));
      expect_all_told(recovery);
      const auto is_hit = [i](const BlockRef& b) { return b.offset <= i && i < b.offset + b.frame_size; };
      EXPECT_EQ(count_unaltered_records(false), records_but(file, is_hit));
      if (i >= kHeaderSize && i < names_end_[file]) {
        EXPECT_EQ(load(file), damaged) << "what may be a block, or is damaged, stays as it is";
      }
      if (HasFailure()) return;
      restore();
    }
  }
}

TEST_P(RecoverTest, ASegmentThatIsGoneIsToldForEver) {
  for (const auto& [file, blocks] : blocks_) {
    SCOPED_TRACE(file.string());
    fs::remove(file);
    const uint64_t records = records_but(file, [](const BlockRef&) { return true; });
    const uint64_t lost = small_tape_messages().size() - records;
    const Recovery recovery = recover_twice();
    EXPECT_EQ(recovery.verification.records, records);
    EXPECT_EQ(recovery.verification.records_lost, lost);
    EXPECT_FALSE(recovery.verification.clean());
    const std::vector<Loss> losses = lost_records();
    ASSERT_EQ(losses.size(), 1u);
    EXPECT_EQ(lane_folder(losses[0].lane), file.parent_path().filename());
    EXPECT_EQ(losses[0].first, blocks.front().first_sequence.value);
    EXPECT_EQ(losses[0].count, lost);
    const auto tape = TapeReader::open(tape_);
    EXPECT_EQ(tape->manifest().gaps, 3u);
    EXPECT_EQ(tape->manifest().messages_lost, 4 + lost);
    EXPECT_TRUE(std::ranges::any_of(tape->damage(), [&](const DamageReport& part) {
      return part.records_lost == lost;
    })) << "a replay tells what opening the tape tells";
    restore();
  }
}

TEST_P(RecoverTest, WhatIsLostLaterIsToldAsWell) {
  fs::remove(tape_ / lane_folder(Lane(0)) / segment_name(0));
  (void)recover_twice();
  fs::remove_all(tape_ / lane_folder(Lane(0)));
  fs::remove_all(tape_ / lane_folder(Lane(1)));
  const Recovery recovery = recover_twice();
  EXPECT_EQ(recovery.verification.records, 0u);
  EXPECT_EQ(recovery.verification.records_lost, small_tape_messages().size());
  EXPECT_EQ(lost_records().size(), 3u);
}

TEST_P(RecoverTest, ASegmentThatIsFoundAgainIsLostNoMore) {
  const fs::path file = tape_ / lane_folder(Lane(1)) / segment_name(1);
  fs::remove(file);
  (void)recover_twice();
  store(file, sound_.at(file));
  EXPECT_FALSE(recover_twice().damage.empty()) << "the manifest did not know it";
  EXPECT_EQ(count_unaltered_records(true), small_tape_messages().size());
  EXPECT_TRUE(TapeReader::open(tape_)->damage().empty());
}

TEST_P(RecoverTest, KeepsWhatTheLedgerHoldsWhenItAddsToIt) {
  const fs::path ledger = tape_ / kLedgerName;
  const std::vector<std::byte> before = encode_losses(TapeReader::open(tape_)->losses().value());
  fs::remove(tape_ / lane_folder(Lane(1)) / segment_name(1));
  store(folder_ / "t" / "ledger.seg.new", "of one that was killed");
  (void)recover_twice();
  EXPECT_FALSE(fs::exists(tape_ / "ledger.seg.new"));
  std::vector<Loss> after = TapeReader::open(tape_)->losses().value();
  ASSERT_EQ(after.size(), 3u);
  after.pop_back();
  EXPECT_EQ(encode_losses(after), before);
  EXPECT_TRUE(fs::exists(ledger));
  fs::remove(ledger);
  fs::remove(tape_ / lane_folder(Lane(0)) / segment_name(1));
  (void)recover_twice();
  EXPECT_EQ(lost_records().size(), 1u) << "in one that is made anew";
}

TEST_P(RecoverTest, GivesBackAFooterByteForByte) {
  for (const auto& [file, bytes] : sound_) {
    if (file.filename() == kManifestName) continue;
    SCOPED_TRACE(file.string());
    store(file, std::string_view(bytes).substr(0, bytes.size() - 1));
    const Recovery recovery = recover_twice();
    ASSERT_EQ(recovery.repairs.size(), 1u);
    EXPECT_THAT(recovery.repairs[0].what, HasSubstr("footer"));
    EXPECT_TRUE(recovery.verification.clean());
    EXPECT_FALSE(recovery.damage.empty()) << "something that had been written was not there";
    EXPECT_EQ(files_of(tape_), sound_);
  }
}

TEST_P(RecoverTest, WritesAMissingManifestFromTheSegments) {
  const Manifest before = TapeReader::open(tape_)->manifest();
  for (const bool is_empty : {false, true}) {
    fs::remove(tape_ / kManifestName);
    if (is_empty) store(tape_ / kManifestName, "");
    const Recovery recovery = recover_twice();
    EXPECT_TRUE(recovery.verification.clean());
    ASSERT_FALSE(recovery.damage.empty());
    EXPECT_EQ(recovery.damage.front().file, kManifestName);
    const Manifest after = TapeReader::open(tape_)->manifest();
    EXPECT_EQ(after.id, before.id);
    EXPECT_EQ(after.created, before.created);
    EXPECT_EQ(after.codec, before.codec);
    EXPECT_EQ(after.lane_count, before.lane_count);
    EXPECT_EQ(after.topics, before.topics);
    EXPECT_EQ(after.gaps, before.gaps);
    EXPECT_EQ(after.messages_lost, before.messages_lost);
    EXPECT_EQ(after.ledger_bytes, before.ledger_bytes);
    EXPECT_EQ(after.lanes, before.lanes);
    EXPECT_EQ(count_unaltered_records(true), small_tape_messages().size());
  }
}

TEST_P(RecoverTest, SaysWhatItWillDoBeforeItDoesIt) {
  mark_unsealed();
  const fs::path file = tape_ / lane_folder(Lane(1)) / segment_name(1);
  const BlockRef block = blocks_.at(file).back();
  const std::string torn = sound_.at(file).substr(0, block.offset + 70);
  store(file, torn);
  std::vector<std::string> said;
  const auto recovery = recover(tape_, [&](const Repair& repair) {
    if (repair.file != kManifestName) {
      EXPECT_EQ(load(tape_ / repair.file), torn);
    }
    said.push_back(fmt::format("{}: {}", repair.file.string(), repair.what));
  });
  ASSERT_TRUE(recovery) << recovery.error().message;
  ASSERT_EQ(said.size(), 2u);
  EXPECT_THAT(said[0], HasSubstr(fmt::format("lane-0001/000001.seg: cutting off 70 bytes at offset {}", block.offset)));
  EXPECT_THAT(said[1], HasSubstr(std::string(kManifestName)));
}

TEST_P(RecoverTest, RefusesATapeThatIsRecordedOrReplayed) {
  for (const auto kind : {core::DirectoryLock::Kind::kExclusive, core::DirectoryLock::Kind::kShared}) {
    const auto lock = core::DirectoryLock::take(tape_, kind, "");
    ASSERT_TRUE(lock);
    const auto recovery = recover(tape_);
    ASSERT_FALSE(recovery);
    EXPECT_THAT(recovery.error().message, HasSubstr("in use"));
  }
}

TEST_P(RecoverTest, LeavesFilesAloneThatAreNoSegmentsOfTheTape) {
  const fs::path foreign = tape_ / lane_folder(Lane(1)) / segment_name(2);
  const std::string content(1000, 'x');
  store(foreign, content);
  const Recovery recovery = recover_twice();
  EXPECT_EQ(load(foreign), content);
  EXPECT_FALSE(recovery.damage.empty());
  EXPECT_EQ(count_unaltered_records(true), small_tape_messages().size());
}

TEST_P(RecoverTest, RefusesWhatIsNoTape) {
  EXPECT_FALSE(recover(folder_.path()));
  EXPECT_FALSE(recover(folder_ / "none"));
  EXPECT_EQ(files_of(tape_), sound_);
}

}  // namespace
}  // namespace tapedeck::tape
