// Whatever happens to the bytes of a tape, it is reported, nothing else is lost with it, and no record comes back
// altered.
#include "engine/tape/index_reader.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

// A block, where it was before anything happened.
struct Place {
  uint64_t offset;
  uint64_t end;
  uint64_t records;
};

class DamageTest : public TapeTest, public ::testing::WithParamInterface<Codec> {
 protected:
  DamageTest() {
    write_small_tape(tape_, GetParam());
    const TapeReader sound = open_sound(tape_);
    original_ = read_lanes(sound);
    digest_ = digest_of(sound);
    for (const LaneContents& lane : sound.lanes()) {
      EXPECT_EQ(lane.segments.size(), 2u);
      for (const Segment& segment : lane.segments) {
        for (const BlockRef& block : segment.index.blocks) {
          places_[segment.path].push_back({block.offset, block.offset + block.frame_size, block.record_count});
        }
      }
    }
  }

  // Reads the tape in every way. Returns how many records of lane cursors came back.
  uint64_t read_everything() {
    const auto tape = TapeReader::open(tape_);
    if (!tape) {
      EXPECT_EQ(tape.error().code, core::ExitCode::kDamaged) << tape.error().message;
      return 0;
    }
    const auto verification = verify(*tape);
    EXPECT_TRUE(verification) << verification.error().message;
    EXPECT_FALSE(verification->clean()) << "verify did not notice";
    std::vector<DamageReport> damage = tape->damage();
    const std::string digest = digest_of(*tape, damage);
    const Lanes lanes = read_lanes(*tape, damage);
    const std::vector<Message> merged = read_in_order(*tape, damage);
    const uint64_t records = expect_unaltered(lanes, damage.empty());
    EXPECT_EQ(merged.size(), records);
    // Verify also counts sound blocks to which no index leads.
    EXPECT_GE(verification->records, records);
    EXPECT_TRUE(verification->records > records || tape_digest(verification->digests) == digest);
    EXPECT_TRUE(digest == digest_ || !damage.empty()) << "altered without a word";
    return records;
  }

  // What came back is part of what was there, in its order; a late name may be lost with an index.
  uint64_t expect_unaltered(const Lanes& lanes, bool names_hold) {
    uint64_t records = 0;
    for (const auto& [lane, messages] : lanes) {
      const std::vector<Message>& all = original_[lane];
      auto from = all.begin();
      for (const Message& message : messages) {
        from = std::find_if(from, all.end(), [&](Message one) {
          if (!names_hold) one.topic = message.topic;
          return one == message;
        });
        if (from == all.end()) {
          ADD_FAILURE() << "altered: " << ::testing::PrintToString(message);
          return records;
        }
        ++from;
        ++records;
      }
    }
    return records;
  }

  // The records of all blocks but those of `file` for which `is_hit` is true.
  template <class IsHit>
  uint64_t records_but(const fs::path& file, IsHit is_hit) const {
    uint64_t records = 0;
    for (const auto& [path, places] : places_) {
      for (const Place& place : places) records += path == file && is_hit(place) ? 0 : place.records;
    }
    return records;
  }

  const fs::path tape_ = folder_ / "t";
  Lanes original_;
  std::string digest_;
  std::map<fs::path, std::vector<Place>> places_;  // by segment
};

INSTANTIATE_TEST_SUITE_P(Codecs, DamageTest, ::testing::ValuesIn(kCodecs),
                         [](const auto& test) { return std::string(codec_name(test.param)); });

TEST_P(DamageTest, OfAnyByteOfAnyFileIsReportedAndCostsNoMoreThanItsBlock) {
  for (const fs::path& file : files_in(tape_)) {
    const std::string sound = load(file);
    for (size_t i = 0; i < sound.size(); ++i) {
      SCOPED_TRACE(fmt::format("byte {} of {}", i, file.string()));
      std::string damaged = sound;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      store(file, damaged);
      EXPECT_EQ(read_everything(), records_but(file, [i](const Place& p) { return p.offset <= i && i < p.end; }));
      if (HasFailure()) return;
    }
    store(file, sound);
  }
}

TEST_P(DamageTest, ByACutAtAnyLengthIsReportedAndCostsOnlyWhatWasCutOff) {
  for (const fs::path& file : files_in(tape_)) {
    const std::string sound = load(file);
    for (size_t size = 0; size < sound.size(); ++size) {
      SCOPED_TRACE(fmt::format("{} cut to {} bytes", file.string(), size));
      store(file, std::string_view(sound).substr(0, size));
      EXPECT_EQ(read_everything(), records_but(file, [size](const Place& p) { return p.end > size; }));
      if (HasFailure()) return;
    }
    store(file, sound);
  }
}

TEST_P(DamageTest, ByBytesTakenOutIsReportedAndCostsOnlyTheBlocksTheyWereIn) {
  for (const auto& [file, places] : places_) {
    const std::string sound = load(file);
    for (size_t at = 0; at + 3 <= sound.size(); ++at) {
      SCOPED_TRACE(fmt::format("3 bytes at {} taken out of {}", at, file.string()));
      store(file, std::string(sound).erase(at, 3));
      EXPECT_EQ(read_everything(), records_but(file, [at](const Place& p) { return at < p.end && p.offset < at + 3; }));
      if (HasFailure()) return;
    }
    store(file, sound);
  }
}

TEST_P(DamageTest, ByBytesPutInIsReportedAndCostsOnlyTheBlockTheyAreIn) {
  for (const auto& [file, places] : places_) {
    const std::string sound = load(file);
    for (size_t at = 0; at <= sound.size(); ++at) {
      SCOPED_TRACE(fmt::format("a byte put in at {} of {}", at, file.string()));
      const auto other = static_cast<char>(at > 0 ? ~sound[at - 1] : 0);
      store(file, std::string(sound).insert(at, 1, other));
      EXPECT_EQ(read_everything(), records_but(file, [at](const Place& p) { return p.offset < at && at < p.end; }));
      if (HasFailure()) return;
    }
    store(file, sound);
  }
}

TEST_P(DamageTest, OfAnyFileWithZerosIsReported) {
  for (const fs::path& file : files_in(tape_)) {
    SCOPED_TRACE(file.string());
    const std::string sound = load(file);
    store(file, std::string(sound.size(), '\0'));
    EXPECT_EQ(read_everything(), records_but(file, [](const Place&) { return true; }));
    store(file, std::string(3'000'000, '\0') + sound);
    read_everything();
    store(file, sound);
  }
}

TEST_P(DamageTest, ByABlockThatIsThereTwiceIsReportedAndGivesItsRecordsOnce) {
  for (const auto& [file, places] : places_) {
    const std::string sound = load(file);
    for (const Place& place : places) {
      const std::string block = sound.substr(place.offset, place.end - place.offset);
      for (const size_t at : {place.offset, place.end, places.back().end, sound.size() - kHeaderSize, sound.size()}) {
        SCOPED_TRACE(fmt::format("block of {} put in again at {}", file.string(), at));
        store(file, std::string(sound).insert(at, block));
        EXPECT_EQ(read_everything(), records_but(file, [](const Place&) { return false; }));
      }
    }
    store(file, sound);
  }
}

TEST_P(DamageTest, ByTwoBlocksThatChangedPlacesIsReported) {
  for (const auto& [file, places] : places_) {
    if (places.size() < 2) continue;
    const std::string sound = load(file);
    const std::string one = sound.substr(places[0].offset, places[0].end - places[0].offset);
    const std::string two = sound.substr(places[1].offset, places[1].end - places[1].offset);
    ASSERT_EQ(places[0].end, places[1].offset);
    store(file, std::string(sound).replace(places[0].offset, one.size() + two.size(), two + one));
    EXPECT_EQ(read_everything(), records_but(file, [](const Place&) { return true; })) << "the index says otherwise";
    store(file, sound);
  }
}

TEST_P(DamageTest, ByABlockThatIsNeitherInTheFileNorInItsIndexIsReported) {
  // Cut out of the file; the rest, index and footer among it, is that of a tape whose recorder forgot the block.
  const fs::path& file = places_.begin()->first;
  const std::vector<Place>& places = places_.begin()->second;
  ASSERT_EQ(places.size(), 2u);
  const std::string sound = load(file);
  store(file, sound.substr(0, places[0].offset) + sound.substr(places[0].end));
  EXPECT_EQ(read_everything(), records_but(file, [&](const Place& p) { return p.offset == places[0].offset; }));
  EXPECT_EQ(verify_at(tape_).records_lost, places[0].records);
}

TEST_P(DamageTest, OfABlockIsReportedWithItsPlaceAndItsRecords) {
  const auto& [file, places] = *places_.begin();
  std::string bytes = load(file);
  bytes[places[1].offset + kHeaderSize] ^= 1;
  store(file, bytes);
  const Verification found = verify_at(tape_);
  ASSERT_EQ(found.damage.size(), 1u);
  EXPECT_EQ(found.damage[0].file, "lane-0000/000000.seg");
  EXPECT_EQ(found.damage[0].offset, places[1].offset);
  EXPECT_EQ(found.damage[0].size, places[1].end - places[1].offset);
  EXPECT_EQ(found.damage[0].records_lost, places[1].records);
  EXPECT_EQ(found.damaged_blocks, 1u);
  EXPECT_EQ(found.records_lost, places[1].records);
}

}  // namespace
}  // namespace tapedeck::tape
