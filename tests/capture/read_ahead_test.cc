#include "capture/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/capture/pcap_file.h"
#include "tests/scratch_folder.h"

namespace tapedeck::capture {
namespace {

using ::testing::HasSubstr;

class ReadAheadTest : public ::testing::Test {
 protected:
  static std::string noise(size_t size) {
    std::string bytes;
    for (uint32_t v = 1; bytes.size() < size; v = v * 1664525 + 1013904223) bytes += static_cast<char>(v >> 24);
    return bytes;
  }

  void open(std::string_view file) {
    write_file(path_, file);
    stream_ = std::move(*ByteStream::open(path_));
    ahead_.emplace(*stream_);
  }

  // Reads to the end and leaves `rest_bytes` of what it has each time; gives all that came.
  std::string read_all(size_t rest_bytes) {
    std::string all;
    core::Bytes rest;
    while (true) {
      const auto more = ahead_->next(rest);
      if (!more) {
        error_ = more.error().message;
        return all + std::string(core::as_text(rest));
      }
      if (more->size() == rest.size()) return all + std::string(core::as_text(*more));
      const size_t walked = more->size() - std::min(rest_bytes, more->size());
      all += core::as_text(more->first(walked));
      rest = more->subspan(walked);
    }
  }

  ScratchFolder folder_;
  std::filesystem::path path_ = folder_ / "input";
  std::unique_ptr<ByteStream> stream_;
  std::optional<ReadAhead> ahead_;
  std::string error_;
};

TEST_F(ReadAheadTest, GivesAFileWholeWhateverRestIsLeftOfEachPiece) {
  const std::string file = noise(5'000'000);  // more than all buffers hold
  for (const size_t rest_bytes : {size_t{0}, size_t{1}, size_t{300'000}, ReadAhead::kRestBytesMax}) {
    open(file);
    EXPECT_TRUE(read_all(rest_bytes) == file) << rest_bytes;
    EXPECT_EQ(error_, "");
  }
}

TEST_F(ReadAheadTest, GivesNothingMoreHoweverOftenItIsAskedAtTheEnd) {
  open("abc");
  EXPECT_EQ(read_all(0), "abc");
  const core::Bytes rest = core::as_bytes(std::string_view("rest"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(core::as_text(*ahead_->next(rest)), "rest");
}

TEST_F(ReadAheadTest, GivesAllBeforeDamageAndThenSaysSo) {
  const std::string file = noise(3'000'000);
  const std::string packed = gzip(file);
  open(packed.substr(0, packed.size() / 2));
  const std::string all = read_all(100);
  EXPECT_THAT(error_, HasSubstr("cut"));
  EXPECT_GT(all.size(), file.size() / 3);
  EXPECT_TRUE(file.starts_with(all));
}

TEST_F(ReadAheadTest, TellsHowFarTheFileWasGivenHoweverFarItWasRead) {
  open(noise(5'000'000));
  uint64_t given = 0;
  for (auto more = ahead_->next({}); !more->empty(); more = ahead_->next({})) {
    given += more->size();
    EXPECT_EQ(ahead_->position(), given);
  }
  EXPECT_EQ(given, 5'000'000u);
}

TEST_F(ReadAheadTest, MayBeLeftInTheMiddleOfAFile) {
  open(noise(5'000'000));
  EXPECT_TRUE(ahead_->next({}).has_value());
  ahead_.reset();
}

TEST_F(ReadAheadTest, GivesWhatAPipeHasWithoutWaitingForMore) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  std::fstream writer(path_, std::ios::in | std::ios::out);  // both, so that opening it does not wait
  writer << "some" << std::flush;
  stream_ = std::move(*ByteStream::open(path_));
  ahead_.emplace(*stream_);
  core::Bytes got;
  while (got.size() < 4) got = *ahead_->next(got);
  EXPECT_EQ(core::as_text(got), "some");
  writer << "more" << std::flush;
  EXPECT_EQ(core::as_text(*ahead_->next(got.last(1))), "emore");
}

}  // namespace
}  // namespace tapedeck::capture
