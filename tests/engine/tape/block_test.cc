#include "engine/tape/block.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/core/crc32c.h"

namespace tapedeck::tape {
namespace {

constexpr TapeId kTape{0x1122334455667788};
constexpr Lane kLane{7};

struct Plain {
  uint64_t time_ns;
  uint32_t topic;
  std::string payload;
  bool operator==(const Plain&) const = default;
};

std::string incompressible(size_t size) {
  std::mt19937_64 random(size);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::vector<Plain> plain_records(const BlockView& block) {
  std::vector<Plain> records;
  for (const RecordView r : block) {
    records.push_back({r.capture_time().value, r.topic().value, std::string(core::as_text(r.payload()))});
  }
  return records;
}

class BlockTest : public ::testing::Test {
 protected:
  void add(const Plain& record) {
    builder_.add({.capture_time = Nanos(record.time_ns),
                  .source_time = Nanos(record.time_ns + 1),
                  .topic = TopicId(record.topic),
                  .source = SourceId(3),
                  .ordinal = Ordinal(next_ordinal_++),
                  .payload = core::as_bytes(record.payload)});
  }

  std::vector<std::byte> seal(Codec codec = Codec::kNone) {
    const Bytes frame = builder_.seal(codec).value();
    return {frame.begin(), frame.end()};
  }

  // A frame whose header has been changed, with its checksum made right again.
  template <class Change>
  static std::vector<std::byte> with_header(std::vector<std::byte> frame, Change change) {
    BlockHeader header;
    std::memcpy(&header, frame.data(), kHeaderSize);
    change(header);
    std::memcpy(frame.data(), &header, kHeaderSize);
    core::store_le(frame.data() + 60, core::crc32c(Bytes(frame).first(60)));
    return frame;
  }

  BlockBuilder builder_{kTape, kLane, /*has_source_time=*/true, 4096};
  BlockOpener opener_;
  BlockView block_;
  uint64_t next_ordinal_ = 0;
};

const std::vector<Plain> kRecords = {{30, 1, "one"}, {10, 0, ""}, {20, 2, std::string(100, 'x')}};

TEST_F(BlockTest, GivesBackTheRecordsThatWentInUncompressed) {
  for (const Plain& record : kRecords) add(record);
  const auto frame = seal();
  ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
  EXPECT_EQ(plain_records(block_), kRecords);
  EXPECT_EQ(block_.records.bytes().data(), frame.data() + kHeaderSize) << "records were copied";
  EXPECT_EQ(check_records(block_), Damage::kNone);
}

TEST_F(BlockTest, GivesBackTheRecordsThatWentInCompressed) {
  for (const Codec codec : {Codec::kLz4, Codec::kZstd}) {
    SCOPED_TRACE(codec_name(codec));
    for (const Plain& record : kRecords) add(record);
    const auto frame = seal(codec);
    ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
    EXPECT_EQ(codec_of(block_.header), codec);
    EXPECT_LT(frame.size(), kHeaderSize + block_.header.raw_size);
    EXPECT_EQ(plain_records(block_), kRecords);
    EXPECT_EQ(check_records(block_), Damage::kNone);
    EXPECT_EQ(decode_ordinals(block_.side_column, 3).value()[2].ordinal, Ordinal(next_ordinal_ - 1));
  }
}

TEST_F(BlockTest, StoresRecordsThatDoNotCompressAsTheyAre) {
  for (const Codec codec : {Codec::kLz4, Codec::kZstd}) {
    SCOPED_TRACE(codec_name(codec));
    add({1, 0, incompressible(3000)});
    const auto frame = seal(codec);
    ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
    EXPECT_EQ(codec_of(block_.header), Codec::kNone);
    EXPECT_EQ(plain_records(block_)[0].payload, incompressible(3000));
  }
}

TEST_F(BlockTest, MayHaveAnotherCodecEachTime) {
  std::vector<std::vector<std::byte>> frames;
  for (const Codec codec : {Codec::kZstd, Codec::kNone, Codec::kLz4, Codec::kZstd, Codec::kLz4}) {
    for (const Plain& record : kRecords) add(record);
    frames.push_back(seal(codec));
  }
  for (const auto& frame : frames) {
    ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
    EXPECT_EQ(plain_records(block_), kRecords);
  }
}

TEST_F(BlockTest, SaysInItsHeaderWhatItHolds) {
  for (const Plain& record : kRecords) add(record);
  const auto frame = seal();
  add({40, 0, "next"});
  const auto next = seal();
  BlockHeader header;
  ASSERT_EQ(read_header(frame, header), Damage::kNone);
  EXPECT_EQ(header.tape_id, kTape.value);
  EXPECT_EQ(header.lane, kLane.value);
  EXPECT_EQ(header.record_count, 3u);
  EXPECT_EQ(header.first_sequence, 0u);
  EXPECT_EQ(header.time_min_ns, 10u);
  EXPECT_EQ(header.time_max_ns, 30u);
  EXPECT_EQ(header.raw_size, 32u + 24u + 128u);
  EXPECT_EQ(frame_size(header), frame.size());
  EXPECT_EQ(frame.size() % 8, 0u);
  ASSERT_EQ(read_header(next, header), Damage::kNone);
  EXPECT_EQ(header.first_sequence, 3u);
  EXPECT_EQ(header.time_min_ns, 40u);
}

TEST_F(BlockTest, LeavesOutSourceTimesWhereItWasToldSo) {
  BlockBuilder builder(kTape, kLane, /*has_source_time=*/false, 4096);
  builder.add({.capture_time = Nanos(5), .source_time = Nanos(9), .payload = core::as_bytes("12345678")});
  const Bytes frame = builder.seal(Codec::kNone).value();
  ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
  EXPECT_EQ((*block_.begin()).source_time(), Nanos(0));
  EXPECT_EQ(block_.header.raw_size, 24u);
}

TEST_F(BlockTest, FillsUpToItsSizeAndGrowsForOneLargeRecord) {
  const std::string payload(1000, 'x');
  size_t count = 0;
  for (; builder_.fits(payload.size()); ++count) add({1, 0, payload});
  EXPECT_EQ(count, 4u);
  (void)seal();
  const std::string large(kPayloadBytesMax, 'y');
  ASSERT_TRUE(builder_.fits(large.size()));
  add({1, 0, large});
  const auto frame = seal();
  ASSERT_EQ(opener_.open(frame, block_), Damage::kNone);
  EXPECT_EQ(plain_records(block_)[0].payload, large);
}

TEST_F(BlockTest, NamesWhatIsDamaged) {
  for (const Plain& record : kRecords) add(record);
  const auto frame = seal();
  BlockHeader header;
  EXPECT_EQ(verify_frame(Bytes(frame).first(63), header), Damage::kCut);
  EXPECT_EQ(verify_frame(Bytes(frame).first(frame.size() - 1), header), Damage::kCut);
  auto damaged = frame;
  damaged[5] ^= std::byte{1};
  EXPECT_EQ(verify_frame(damaged, header), Damage::kHeader);
  damaged = frame;
  damaged[kHeaderSize + 20] ^= std::byte{1};
  EXPECT_EQ(verify_frame(damaged, header), Damage::kStored);
  damaged = frame;
  damaged.back() ^= std::byte{1};
  EXPECT_EQ(verify_frame(damaged, header), Damage::kStored) << "the side column";
  EXPECT_EQ(verify_frame(with_header(frame, [](BlockHeader& h) { h.version = 1; }), header), Damage::kVersion);
  EXPECT_EQ(verify_frame(with_header(frame, [](BlockHeader& h) { h.raw_crc ^= 1; }), header), Damage::kRaw);
  EXPECT_EQ(verify_frame(with_header(frame, [](BlockHeader& h) { h.record_count = 0; }), header), Damage::kHeader);
  EXPECT_EQ(verify_frame(with_header(frame, [](BlockHeader& h) { h.raw_size = h.stored_size + 1; }), header),
            Damage::kHeader);
}

TEST_F(BlockTest, RefusesRecordsThatDecompressToSomethingElse) {
  for (const Codec codec : {Codec::kLz4, Codec::kZstd}) {
    SCOPED_TRACE(codec_name(codec));
    for (const Plain& record : kRecords) add(record);
    const auto frame = seal(codec);
    EXPECT_EQ(opener_.open(with_header(frame, [](BlockHeader& h) { h.raw_crc ^= 1; }), block_), Damage::kRaw);
    EXPECT_EQ(opener_.open(with_header(frame, [](BlockHeader& h) { h.raw_size += 8; }), block_), Damage::kRaw);
    EXPECT_EQ(opener_.open(with_header(frame, [](BlockHeader& h) { h.raw_size -= 8; }), block_), Damage::kRaw);
    EXPECT_EQ(opener_.open(with_header(frame, [](BlockHeader& h) { h.codec_and_flags ^= 3; }), block_), Damage::kRaw)
        << "lz4 for zstd or zstd for lz4";
  }
}

TEST_F(BlockTest, RefusesCodecsAndFlagsOfLaterVersionsAndFramesThatAreNoBlocks) {
  add({1, 0, "x"});
  const auto frame = seal();
  for (const int bits : {0x03, 0x0f, 0x20, 0x40, 0x80}) {
    const auto later = with_header(
        frame, [bits](BlockHeader& h) { h.codec_and_flags = static_cast<uint8_t>(h.codec_and_flags | bits); });
    EXPECT_EQ(opener_.open(later, block_), Damage::kVersion) << bits;
  }
  const auto dictionary = with_header(frame, [](BlockHeader& h) { h.magic = kDictionaryMagic; });
  EXPECT_EQ(opener_.open(dictionary, block_), Damage::kStructure);
}

TEST_F(BlockTest, FindsRecordsThatDoNotFitTheirHeader) {
  for (const Plain& record : kRecords) add(record);
  const auto frame = seal();
  const auto check = [&](auto change) {
    const auto forged = with_header(frame, change);
    EXPECT_EQ(opener_.open(forged, block_), Damage::kNone);
    return check_records(block_);
  };
  EXPECT_EQ(check([](BlockHeader&) {}), Damage::kNone);
  EXPECT_EQ(check([](BlockHeader& h) { --h.record_count; }), Damage::kStructure);
  EXPECT_EQ(check([](BlockHeader& h) { ++h.record_count; }), Damage::kStructure);
  EXPECT_EQ(check([](BlockHeader& h) { h.time_min_ns = 11; }), Damage::kStructure);
  EXPECT_EQ(check([](BlockHeader& h) { h.time_max_ns = 29; }), Damage::kStructure);
}

TEST(RecordRange, EndsAtARecordThatDoesNotFit) {
  BlockBuilder builder(kTape, kLane, false, 4096);
  builder.add({.payload = core::as_bytes("first")});
  builder.add({.payload = core::as_bytes("second")});
  const Bytes frame = builder.seal(Codec::kNone).value();
  std::vector<std::byte> records(frame.begin() + kHeaderSize, frame.begin() + kHeaderSize + 48);
  core::store_le(records.data() + 24 + 12, uint32_t{9});  // one more than there is room for
  size_t count = 0;
  for (const RecordView record : RecordRange(records, false)) {
    EXPECT_EQ(core::as_text(record.payload()), "first");
    ++count;
  }
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(RecordRange().begin(), RecordRange().end());
}

}  // namespace
}  // namespace tapedeck::tape
