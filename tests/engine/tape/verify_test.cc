#include "engine/tape/verify.h"

#include "engine/tape/segment_scanner.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

// Tapes whose checksums all hold, so that only the comparison of what they say with what they hold finds the damage.
class VerifyTest : public TapeTest {
 protected:
  VerifyTest() { write_small_tape(folder_ / "t", Codec::kNone); }

  // Changes the body of the first frame with this magic in the first segment, and signs it.
  template <class Change>
  void forge(uint32_t magic, Change change) {
    std::string bytes = load(file_);
    SegmentHeader expected;
    auto scanner = SegmentScanner::open(file_, expected);
    ASSERT_TRUE(scanner);
    while (scanner->next().value() == SegmentScanner::Item::kFrame) {
      if (scanner->frame().header.magic != magic) continue;
      const size_t offset = scanner->frame().offset;
      const size_t size = scanner->frame().bytes.size();
      std::string frame = bytes.substr(offset, size);
      change(frame);
      ASSERT_EQ(frame.size(), size);
      bytes.replace(offset, size, frame);
      sign_frame(bytes, offset, size);
      store(file_, bytes);
      return;
    }
    FAIL() << "no such frame";
  }

  void expect_found(const std::string& what) const {
    EXPECT_THAT(verify_at(folder_ / "t").damage, Contains(Field(&DamageReport::what, HasSubstr(what))));
  }

  const fs::path file_ = folder_ / "t" / "lane-0000" / "000000.seg";
};

constexpr size_t kIndexBlock = kHeaderSize + 8;  // the first block in an index frame
constexpr size_t kBlockEntry = 44;

TEST_F(VerifyTest, FindsNothingInASoundTape) {
  const Verification found = verify_at(folder_ / "t");
  EXPECT_TRUE(found.clean());
  EXPECT_EQ(found.blocks, 6u);
  EXPECT_EQ(found.records, 12u);
  EXPECT_EQ(found.records_lost, 0u);
  EXPECT_EQ(found.damaged_blocks, 0u);
}

TEST_F(VerifyTest, FindsAnIndexThatSaysOtherTimesThanItsBlocks) {
  forge(kIndexMagic, [](std::string& frame) { ++frame[kIndexBlock + 16]; });
  expect_found("its index lists other blocks");
}

TEST_F(VerifyTest, FindsAnIndexThatLeavesOutABlockOfATopic) {
  // The entry of the only topic ends in the number of its blocks and their differences: 2, 0, 1.
  forge(kIndexMagic, [](std::string& frame) {
    const size_t at = frame.find(std::string("\x02\x00\x01", 3), kIndexBlock + 2 * kBlockEntry);
    ASSERT_NE(at, std::string::npos);
    frame.replace(at, 3, std::string("\x01\x00\x00", 3));
    frame[offsetof(BlockHeader, raw_size)] = static_cast<char>(frame[offsetof(BlockHeader, raw_size)] - 1);
  });
  expect_found("its index lists other topics");
}

TEST_F(VerifyTest, FindsAHeaderThatSaysAnotherFirstRecord) {
  std::string bytes = load(file_);
  bytes[offsetof(SegmentHeader, first_sequence)] = 1;
  sign_header(bytes, 0);
  store(file_, bytes);
  expect_found("another first record");
}

TEST_F(VerifyTest, FindsRecordsOutsideTheTimesOfTheirBlock) {
  forge(kBlockMagic, [](std::string& frame) { ++frame[kHeaderSize + 7]; });
  expect_found("contents make no sense");
}

TEST_F(VerifyTest, FindsASideColumnThatGivesNoOrdinals) {
  forge(kBlockMagic, [](std::string& frame) { ++frame[frame.size() - 4]; });
  expect_found("contents make no sense");
}

TEST_F(VerifyTest, FindsADictionaryThatIsNone) {
  forge(kDictionaryMagic, [](std::string& frame) { frame[kHeaderSize + 8] = 100; });
  expect_found("contents make no sense");
}

TEST_F(VerifyTest, PassesOverFramesOfKindsThatItDoesNotKnow) {
  forge(kDictionaryMagic, [](std::string& frame) { frame.replace(0, 4, "TDZZ"); });
  // Its names are in the index, too; but the records of a segment may be read without that.
  const auto tape = TapeReader::open(folder_ / "t");
  ASSERT_TRUE(tape);
  EXPECT_TRUE(tape->damage().empty());
  EXPECT_EQ(read_in_order(*tape), small_tape_messages());
  EXPECT_EQ(verify_at(folder_ / "t").blocks, 6u);
}

}  // namespace
}  // namespace tapedeck::tape
