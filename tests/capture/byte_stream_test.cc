#include "capture/byte_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "tests/capture/pcap_file.h"
#include "tests/scratch_folder.h"

namespace tapedeck::capture {
namespace {

using ::testing::HasSubstr;

class ByteStreamTest : public ::testing::Test {
 protected:
  struct Contents {
    std::string bytes;
    std::string error;  // that ended it, if any did
  };

  Contents read(std::string_view file, size_t step = 100) {
    write_file(path_, file);
    return read_path(step);
  }
  Contents read_path(size_t step) {
    auto stream = ByteStream::open(path_);
    if (!stream) return {"", stream.error().message};
    Contents contents;
    std::string buffer(step, '\0');
    while (true) {
      const auto got = (*stream)->read({reinterpret_cast<std::byte*>(buffer.data()), buffer.size()});
      if (!got) return {contents.bytes, got.error().message};
      if (*got == 0) return contents;
      contents.bytes.append(buffer, 0, *got);
    }
  }

  static std::string noise(size_t size) {
    std::string bytes;
    for (uint32_t v = 1; bytes.size() < size; v = v * 1664525 + 1013904223) bytes += static_cast<char>(v >> 24);
    return bytes;
  }

  ScratchFolder folder_;
  std::filesystem::path path_ = folder_ / "input";
};

TEST_F(ByteStreamTest, GivesAPlainFileAsItIs) {
  for (const size_t size : {0u, 1u, 2u, 3u, 65'535u, 65'536u, 65'537u, 200'000u}) {
    const Contents contents = read(noise(size));
    EXPECT_EQ(contents.bytes, noise(size)) << size;
    EXPECT_EQ(contents.error, "");
  }
}

TEST_F(ByteStreamTest, InflatesGzipInStepsOfAnySize) {
  const std::string packed = gzip(noise(200'000));
  for (const size_t step : {1u, 7u, 4096u, 300'000u}) {
    const Contents contents = read(packed, step);
    EXPECT_TRUE(contents.bytes == noise(200'000)) << step;
    EXPECT_EQ(contents.error, "");
  }
}

TEST_F(ByteStreamTest, ReadsSeveralGzipMembersAsOneAndLeavesPaddingOut) {
  EXPECT_EQ(read(gzip("one ") + gzip("") + gzip("two")).bytes, "one two");
  const Contents padded = read(gzip("one") + std::string(100, '\0'));
  EXPECT_EQ(padded.bytes, "one");
  EXPECT_EQ(padded.error, "");
}

TEST_F(ByteStreamTest, GivesWhatIsThereOfACutGzipFileAndThenSaysSo) {
  const std::string packed = gzip(noise(10'000));
  for (size_t size = 2; size < packed.size(); size += 97) {
    const Contents contents = read(std::string_view(packed).substr(0, size));
    EXPECT_THAT(contents.error, HasSubstr("cut")) << size;
    EXPECT_EQ(contents.bytes, noise(10'000).substr(0, contents.bytes.size()));
    EXPECT_GE(contents.bytes.size() + 500, size * 10'000 / packed.size()) << "not much is lost";
  }
}

TEST_F(ByteStreamTest, GivesAsMuchOfACutGzipFileInStepsOfAnySize) {
  const std::string packed = gzip(std::string(1000, 'x') + noise(20) + std::string(1000, 'y'));
  for (size_t size = 20; size < packed.size(); ++size) {
    const std::string_view cut = std::string_view(packed).substr(0, size);
    EXPECT_EQ(read(cut, 7).bytes, read(cut, 10'000).bytes) << size;
  }
}

TEST_F(ByteStreamTest, SaysWhereGzipDataAreDamaged) {
  std::string packed = gzip(noise(100'000));
  packed[packed.size() - 6] ^= 1;  // in the checksum at the end
  const Contents contents = read(packed);
  EXPECT_EQ(contents.bytes, noise(100'000));
  EXPECT_THAT(contents.error, HasSubstr("damaged"));
}

TEST_F(ByteStreamTest, ReadsAPipeThatGivesLittleAtATime) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const std::string packed = gzip(noise(5'000));
  std::thread writer([&] {
    std::ofstream out(path_, std::ios::binary);
    for (const char c : packed) out.put(c).flush();
  });
  const Contents contents = read_path(512);
  writer.join();
  EXPECT_EQ(contents.bytes, noise(5'000));
  EXPECT_EQ(contents.error, "");
}

TEST_F(ByteStreamTest, KnowsItsPlaceInTheStoredFile) {
  const std::string packed = gzip(noise(100'000));
  write_file(path_, packed);
  const auto stream = ByteStream::open(path_).value();
  EXPECT_EQ(stream->size(), packed.size());
  std::vector<std::byte> buffer(1000);
  uint64_t last = 0;
  while (stream->read(buffer).value() > 0) {
    EXPECT_GE(stream->position(), last);
    last = stream->position();
  }
  EXPECT_EQ(last, packed.size());
}

TEST_F(ByteStreamTest, SaysWhyAFileCannotBeOpened) {
  EXPECT_THAT(ByteStream::open(folder_ / "none").error().message, HasSubstr("No such file"));
  EXPECT_THAT(ByteStream::open(folder_ / ".").error().message, HasSubstr("directory"));
}

}  // namespace
}  // namespace tapedeck::capture
