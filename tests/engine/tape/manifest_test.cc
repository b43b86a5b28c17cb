#include "engine/tape/manifest.h"

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

using ::testing::HasSubstr;

Manifest some_manifest() {
  Manifest m;
  m.id = TapeId(0x00fedcba98765432);
  m.created = Nanos(1'500'000'000'123'456'789);
  m.sealed = true;
  m.codec = Codec::kLz4;
  m.lane_count = 16;
  m.topics = 3;
  m.gaps = 1;
  m.messages_lost = 2;
  m.ledger_bytes = 300;
  m.lanes = {{.lane = Lane(0),
              .segments = 1,
              .blocks = 2,
              .records = 3,
              .bytes = 4,
              .payload_bytes = 5,
              .time_min_ns = 6,
              .time_max_ns = 18'446'744'073'709'551'615u},
             {.lane = Lane(20), .kind = LaneKind::kReference}};
  m.sources = {{SourceId(0), "udp:233.54.12.111:26477", "itch"}, {SourceId(1), "caf\xc3\xa9 \"\n\xff", "lines"}};
  return m;
}

core::Error error_of(std::string_view text) {
  const auto manifest = decode_manifest(text);
  EXPECT_FALSE(manifest) << text;
  return manifest ? core::Error{} : manifest.error();
}

TEST(Manifest, GivesBackWhatWentIn) {
  const Manifest in = some_manifest();
  const auto out = decode_manifest(encode_manifest(in));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->id, in.id);
  EXPECT_EQ(out->created, in.created);
  EXPECT_EQ(out->sealed, in.sealed);
  EXPECT_EQ(out->codec, in.codec);
  EXPECT_EQ(out->lane_count, in.lane_count);
  EXPECT_EQ(out->topics, in.topics);
  EXPECT_EQ(out->gaps, in.gaps);
  EXPECT_EQ(out->messages_lost, in.messages_lost);
  EXPECT_EQ(out->ledger_bytes, in.ledger_bytes);
  EXPECT_EQ(out->lanes, in.lanes);
  ASSERT_EQ(out->sources.size(), 2u);
  EXPECT_EQ(out->sources[0].name, in.sources[0].name);
  EXPECT_EQ(out->sources[1].name, "caf\xc3\xa9 \"\n\xef\xbf\xbd") << "what is not UTF-8 is replaced";
  EXPECT_EQ(out->sources[1].protocol, "lines");
}

TEST(Manifest, CarriesTheChecksumOfItsTextWithoutIt) {
  const std::string text = encode_manifest(some_manifest());
  EXPECT_EQ(sign_manifest(text), text);
}

TEST(Manifest, NoticesEveryFlippedBitAndEveryCut) {
  const std::string text = encode_manifest(some_manifest());
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_EQ(error_of(flipped).code, core::ExitCode::kDamaged);
    }
    EXPECT_EQ(error_of(text.substr(0, i)).code, core::ExitCode::kDamaged);
  }
  EXPECT_EQ(error_of(text + "\n").code, core::ExitCode::kDamaged);
}

TEST(Manifest, KeepsReadingWhereThereAreKeysThatItDoesNotKnow) {
  std::string text = encode_manifest(some_manifest());
  text.insert(text.find("\n  \"id\""), "\n  \"later\": {\n    \"key\": [\n      1\n    ]\n  },");
  const auto manifest = decode_manifest(sign_manifest(text));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->id, some_manifest().id);
}

TEST(Manifest, OfAnotherVersionIsNamedWithBothVersions) {
  std::string text = encode_manifest(some_manifest());
  text.replace(text.find("\"tapedeck_tape\": 0"), 18, "\"tapedeck_tape\": 1");
  const core::Error error = error_of(sign_manifest(text));
  EXPECT_EQ(error.code, core::ExitCode::kFailed);
  EXPECT_THAT(error.message, HasSubstr("version 1"));
  EXPECT_THAT(error.message, HasSubstr("version 0"));
}

TEST(Manifest, IsDamagedWhereAKeyIsMissingOrOfAnotherType) {
  const std::string text = encode_manifest(some_manifest());
  std::string without = text;
  without.replace(without.find("\"gaps\""), 6, "\"gasp\"");
  EXPECT_THAT(error_of(sign_manifest(without)).message, HasSubstr("gaps"));
  std::string other = text;
  other.replace(other.find("\"gaps\": 1"), 9, "\"gaps\": \"\"");
  EXPECT_EQ(error_of(sign_manifest(other)).code, core::ExitCode::kDamaged);
}

TEST(Manifest, RefusesTextsThatAreNone) {
  for (const std::string text : {"", "{}", "[]", "null", "{\"tapedeck_tape\": 0}", "\xff", "{\"tapedeck_tape\""}) {
    EXPECT_EQ(error_of(text).code, core::ExitCode::kDamaged) << text;
  }
  // Deep enough to overflow the stack of whoever recurses.
  EXPECT_EQ(error_of("{\"tapedeck_tape\":" + std::string(3'000'000, '[')).code, core::ExitCode::kDamaged);
  const std::string deep = std::string(3'000'000, '[') + std::string(3'000'000, ']');
  EXPECT_EQ(error_of("{\"tapedeck_tape\": 0, \"crc32c\": \"00000000\", \"x\": " + deep + "}").code,
            core::ExitCode::kDamaged);
}

TEST(Names, OfFoldersAndSegmentsSortAsTheirNumbers) {
  EXPECT_EQ(lane_folder(Lane(7)), "lane-0007");
  EXPECT_EQ(segment_name(12), "000012.seg");
  EXPECT_EQ(format_tape_id(TapeId(0xabc)), "0000000000000abc");
}

}  // namespace
}  // namespace tapedeck::tape
