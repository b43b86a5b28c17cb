// The bytes of the format, kept: today's reader reads the tapes in golden/, and today's writer writes them again. After
// a change of the format write them anew: WRITE_GOLDEN=1 tape_test --gtest_filter='Golden*'.
#include <stdlib.h>

#include <sstream>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

class GoldenTest : public TapeTest {
 protected:
  static fs::path golden(Codec codec) { return fs::path(GOLDEN_DIR) / codec_name(codec); }

  void SetUp() override {
    if (::getenv("WRITE_GOLDEN") == nullptr) return;
    for (const Codec codec : kCodecs) {
      fs::remove_all(golden(codec));
      fs::create_directories(golden(codec));
      write_small_tape(golden(codec), codec);
    }
  }
};

TEST_F(GoldenTest, TapesAreReadByTodaysReader) {
  for (const Codec codec : kCodecs) {
    const TapeReader tape = open_sound(golden(codec));
    EXPECT_EQ(read_in_order(tape), small_tape_messages());
    EXPECT_EQ(read_lanes(tape), by_lane(small_tape_messages()));
    EXPECT_EQ(digest_of(tape), "6e6e9b90");
    EXPECT_EQ(tape.manifest().gaps, 2u);
    EXPECT_TRUE(verify_at(golden(codec)).clean());
  }
}

TEST_F(GoldenTest, TapesAreWrittenByTodaysWriterByteForByte) {
  write_small_tape(folder_ / "t", Codec::kNone);
  const std::vector<fs::path> files = files_in(golden(Codec::kNone));
  ASSERT_EQ(files_in(folder_ / "t").size(), files.size());
  for (const fs::path& file : files) {
    const fs::path name = file.lexically_relative(golden(Codec::kNone));
    EXPECT_EQ(load(folder_ / "t" / name), load(file)) << name;
  }
}

// The bytes in the lines of the format's page that begin with an offset: "0010  00 00 16 7b".
std::string bytes_of_example(const fs::path& page) {
  std::istringstream lines(load(page));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 6 || line.substr(4, 2) != "  " || line.find_first_not_of("0123456789abcdef") != 4) continue;
    std::istringstream pairs(line.substr(6, 48));
    for (std::string pair; pairs >> pair;) bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  }
  return bytes;
}

TEST_F(GoldenTest, TapeIsTheExampleOnThePageOfTheFormat) {
  EXPECT_EQ(bytes_of_example(FORMAT_PAGE), load(golden(Codec::kNone) / "lane-0000" / "000001.seg"));
}

}  // namespace
}  // namespace tapedeck::tape
