#include "engine/core/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "engine/core/buffer_pool.h"
#include "engine/core/stop.h"
#include "tests/scratch_folder.h"

namespace tapedeck::core {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  std::filesystem::path make(std::string_view name, std::string_view text) const {
    auto file = File::open(folder_ / name, File::Mode::kCreate);
    EXPECT_TRUE(file && file->append(as_bytes(text)) && file->close()) << name;
    return folder_ / name;
  }

  static std::string text_of(const std::filesystem::path& path) {
    const auto text = read_text_file(path);
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
  }

  static std::string read(const File& file, uint64_t offset, size_t size) {
    std::string text(size, '?');
    const Status status = file.read_at(offset, std::as_writable_bytes(std::span(text)));
    return status ? text : status.error().message;
  }

  const ScratchFolder folder_;
};

TEST_F(FileTest, ReadsBackWhatWasAppended) {
  const auto path = folder_ / "a";
  auto file = File::open(path, File::Mode::kCreate);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->append(as_bytes("hello, ")));
  ASSERT_TRUE(file->append({}));
  ASSERT_TRUE(file->append(as_bytes("world")));
  EXPECT_EQ(file->size().value_or(0), 12u);
  EXPECT_EQ(read(*file, 7, 5), "world");
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->close());
  EXPECT_FALSE(file->is_open());
  EXPECT_EQ(text_of(path), "hello, world");
}

TEST_F(FileTest, ReadsPagesPastTheCacheAtAnyOffset) {
  std::string text;
  while (text.size() < 3 * kPageSize + 100) text += std::to_string(text.size()) + " ";
  const auto path = make("a", text);
  BufferPool pool(1, 6 * kPageSize);
  const BufferLease buffer(pool.acquire(StopFlag()));
  for (const File::Mode mode : {File::Mode::kRead, File::Mode::kReadDirect}) {
    const auto file = File::open(path, mode);
    ASSERT_TRUE(file) << file.error().message;
    for (const auto& [offset, size] : {std::pair<size_t, size_t>(0, 1),
                                       {1, kPageSize},
                                       {kPageSize, 2 * kPageSize},
                                       {4095, 4098},
                                       {4097, text.size() - 4097},
                                       {text.size() - 1, 1}}) {
      const Status read = file->read_pages(offset, size, buffer.bytes());
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(as_text(buffer.bytes().subspan(offset % kPageSize, size)), text.substr(offset, size));
    }
    const Status beyond = file->read_pages(text.size() - 1, 2, buffer.bytes());
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, ExitCode::kDamaged);
    EXPECT_THAT(beyond.error().message, HasSubstr(fmt::format("ends at offset {}, 1 bytes short", text.size())));
    EXPECT_FALSE(file->read_pages(10 * kPageSize, 1, buffer.bytes()));
  }
}

TEST_F(FileTest, RefusesToCreateAFileThatExists) {
  const auto path = make("a", "precious");
  const auto file = File::open(path, File::Mode::kCreate);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr(path.string() + ": File exists"));
  EXPECT_EQ(text_of(path), "precious");
}

TEST_F(FileTest, NamesThePathAndTheReasonWhenThereIsNoFile) {
  const auto file = File::open(folder_ / "none", File::Mode::kRead);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "cannot open " + (folder_ / "none").string() + ": No such file or directory");
}

TEST_F(FileTest, RefusesADirectory) {
  const auto file = File::open(folder_.path(), File::Mode::kRead);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("is a directory"));
}

TEST_F(FileTest, CallsAReadBeyondTheEndDamage) {
  const auto file = File::open(make("a", "12345"), File::Mode::kRead);
  ASSERT_TRUE(file);
  std::string text(4, '?');
  const Status status = file->read_at(3, std::as_writable_bytes(std::span(text)));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ExitCode::kDamaged);
  EXPECT_THAT(status.error().message, HasSubstr("ends at offset 5, 2 bytes short"));
  EXPECT_TRUE(file->read_at(99, {}));
}

TEST_F(FileTest, RefusesToWriteWhatWasOpenedForReading) {
  auto file = File::open(make("a", "12345"), File::Mode::kRead);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->append(as_bytes("6")));
  EXPECT_FALSE(file->truncate(1));
  EXPECT_EQ(text_of(file->path()), "12345");
}

TEST_F(FileTest, AppendsAtTheNewEndAfterTruncation) {
  auto file = File::open(folder_ / "a", File::Mode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append(as_bytes("12345")));
  ASSERT_TRUE(file->truncate(2));
  ASSERT_TRUE(file->append(as_bytes("xyz")));
  EXPECT_EQ(text_of(folder_ / "a"), "12xyz");
}

TEST_F(FileTest, WritesOverWhatIsThereAndAppendsBehindIt) {
  const auto path = make("a", "12345");
  auto file = File::open(path, File::Mode::kUpdate);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append(as_bytes("67")));
  ASSERT_TRUE(file->write_at(1, as_bytes("xy")));
  ASSERT_TRUE(file->append(as_bytes("8")));
  ASSERT_TRUE(file->write_at(7, as_bytes("zzz")));
  ASSERT_TRUE(file->append(as_bytes("!")));
  EXPECT_EQ(text_of(path), "1xy4567zzz!");
}

TEST_F(FileTest, IsNotMadeByAnUpdate) {
  const auto file = File::open(folder_ / "none", File::Mode::kUpdate);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("cannot write to"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

TEST_F(FileTest, IsSyncedByNameAndSoAreDirectories) {
  EXPECT_TRUE(sync_file(make("a", "12345")));
  EXPECT_TRUE(sync_directory(folder_.path()));
  EXPECT_FALSE(sync_file(folder_ / "none"));
  EXPECT_FALSE(sync_directory(folder_ / "a"));
}

TEST_F(FileTest, PassesItsHandleOnWhenMoved) {
  auto opened = File::open(make("a", "12345"), File::Mode::kRead);
  ASSERT_TRUE(opened);
  const int fd = opened->fd();
  File first = std::move(*opened);
  EXPECT_FALSE(opened->is_open());
  File second;
  second = std::move(first);
  EXPECT_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move): this is the promise
  EXPECT_EQ(second.fd(), fd);
  EXPECT_EQ(read(second, 1, 3), "234");
}

TEST_F(FileTest, ClosesItsHandleWhenReplacedOrDestroyed) {
  int replaced = -1;
  int destroyed = -1;
  {
    auto a = File::open(make("a", ""), File::Mode::kRead);
    auto b = File::open(make("b", ""), File::Mode::kRead);
    ASSERT_TRUE(a && b);
    replaced = a->fd();
    destroyed = b->fd();
    *a = std::move(*b);
    EXPECT_NE(::fcntl(destroyed, F_GETFD), -1);
    EXPECT_EQ(::fcntl(replaced, F_GETFD), -1);
  }
  EXPECT_EQ(::fcntl(destroyed, F_GETFD), -1);
}

TEST_F(FileTest, FailsWhenItIsNotOpen) {
  File file;
  EXPECT_FALSE(file.size());
  EXPECT_FALSE(file.append(as_bytes("x")));
  EXPECT_FALSE(file.sync());
  EXPECT_FALSE(file.close());
}

TEST_F(FileTest, ReadsATextOfAnySizeUpToItsLimit) {
  for (const size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100'000u}) {
    const std::string text(size, 'x');
    EXPECT_EQ(text_of(make(std::to_string(size), text)), text);
  }
  const auto path = folder_ / "4096";
  EXPECT_TRUE(read_text_file(path, 4096));
  const auto refused = read_text_file(path, 4095);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(path.string() + " has more than the 4095 bytes"));
}

TEST_F(FileTest, ReadsTheTextOfAPipe) {
  const auto path = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const std::string text(200'000, 'x');
  const std::jthread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    size_t written = 0;
    while (written < text.size()) {
      const ssize_t n = ::write(fd, text.data() + written, text.size() - written);
      if (n <= 0) break;
      written += static_cast<size_t>(n);
    }
    ::close(fd);
  });
  EXPECT_EQ(text_of(path), text);
}

TEST_F(FileTest, ReplacesATextAndLeavesNothingBehind) {
  const auto path = make("a", "old and long");
  make("a.new", "left by a process that was killed");
  ASSERT_TRUE(replace_text_file(path, "new"));
  EXPECT_EQ(text_of(path), "new");
  ASSERT_TRUE(replace_text_file(folder_ / "b", "first"));
  EXPECT_EQ(text_of(folder_ / "b"), "first");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.new"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b.new"));
}

TEST_F(FileTest, KeepsTheOldWhenATextCannotBeReplaced) {
  const auto target = folder_ / "a-directory";
  ASSERT_TRUE(make_directory(target));
  const Status status = replace_text_file(target, "text");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("cannot replace " + target.string()));
  EXPECT_TRUE(std::filesystem::is_directory(target));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a-directory.new"));
}

TEST_F(FileTest, MakesADirectoryUnlessItIsThere) {
  EXPECT_TRUE(make_directory(folder_ / "d"));
  EXPECT_TRUE(make_directory(folder_ / "d"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "d"));
  const Status over_file = make_directory(make("a", ""));
  ASSERT_FALSE(over_file);
  EXPECT_THAT(over_file.error().message, HasSubstr("File exists"));
  EXPECT_FALSE(make_directory(folder_ / "none" / "d"));
}

using DirectoryLockTest = FileTest;

TEST_F(DirectoryLockTest, RefusesASecondExclusiveHolder) {
  const auto first = DirectoryLock::take(folder_.path(), DirectoryLock::Kind::kExclusive, "");
  ASSERT_TRUE(first);
  for (const auto kind : {DirectoryLock::Kind::kExclusive, DirectoryLock::Kind::kShared}) {
    const auto second = DirectoryLock::take(folder_.path(), kind, "stop the other capture first");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, folder_.path().string() + " is in use: stop the other capture first");
  }
}

TEST_F(DirectoryLockTest, IsSharedByThoseWhoAskForThat) {
  const auto first = DirectoryLock::take(folder_.path(), DirectoryLock::Kind::kShared, "");
  const auto second = DirectoryLock::take(folder_.path(), DirectoryLock::Kind::kShared, "");
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(DirectoryLock::take(folder_.path(), DirectoryLock::Kind::kExclusive, ""));
}

TEST_F(DirectoryLockTest, EndsWithItsHolderAndNotWithWhatItWasMovedFrom) {
  const auto take = [&] { return DirectoryLock::take(folder_.path(), DirectoryLock::Kind::kExclusive, ""); };
  {
    DirectoryLock holder;
    {
      auto taken = take();
      ASSERT_TRUE(taken);
      holder = DirectoryLock(std::move(*taken));
    }
    EXPECT_FALSE(take());
  }
  EXPECT_TRUE(take());
}

TEST_F(DirectoryLockTest, NamesADirectoryThatIsNotThere) {
  const auto lock = DirectoryLock::take(folder_ / "none", DirectoryLock::Kind::kShared, "");
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().message, HasSubstr((folder_ / "none").string() + ": No such file or directory"));
}

TEST(SystemError, SaysWhatTheNumberMeans) { EXPECT_EQ(system_error(ENOSPC), "No space left on device"); }

}  // namespace
}  // namespace tapedeck::core
