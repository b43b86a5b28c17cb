#include "tools/synth/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <string>

#include "engine/core/file.h"
#include "tests/scratch_folder.h"

namespace tapedeck::synth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Kind = Output::Kind;

void put(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

void put_tape(const fs::path& path, std::string_view manifest) {
  fs::create_directory(path);
  put(path / "manifest.json", manifest);
}

std::string text_of(const fs::path& path) { return core::read_text_file(path).value_or("nothing there"); }

std::string refusal(const fs::path& path, Kind kind, bool replace) {
  const auto output = Output::begin(path, kind, replace);
  return output ? "accepted" : output.error().message;
}

TEST(Output, StandsUnderItsNameOnlyWhenFinished) {
  const ScratchFolder folder;
  auto output = Output::begin(folder / "a", Kind::kFile, false);
  ASSERT_TRUE(output);
  put(output->unfinished(), "text");
  EXPECT_FALSE(fs::exists(folder / "a"));
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(folder / "a"), "text");
  EXPECT_FALSE(fs::exists(output->unfinished()));
}

TEST(Output, LeavesNothingBehindWhenItIsNotFinished) {
  const ScratchFolder folder;
  {
    const auto file = Output::begin(folder / "a", Kind::kFile, false);
    const auto tape = Output::begin(folder / "a.tape", Kind::kTape, false);
    put(file->unfinished(), "half");
    put_tape(tape->unfinished(), "{}");
    EXPECT_FALSE(std::filesystem::is_empty(folder.path()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Output, RefusesAnOutputThatExists) {
  const ScratchFolder folder;
  put(folder / "a", "old");
  put_tape(folder / "a.tape", "{}");
  EXPECT_THAT(refusal(folder / "a", Kind::kFile, false), HasSubstr("--force"));
  EXPECT_THAT(refusal(folder / "a.tape", Kind::kTape, false), HasSubstr("--force"));
}

TEST(Output, ReplacesAFileWhenForced) {
  const ScratchFolder folder;
  put(folder / "a", "old");
  auto output = Output::begin(folder / "a", Kind::kFile, true);
  ASSERT_TRUE(output);
  put(output->unfinished(), "new");
  EXPECT_EQ(text_of(folder / "a"), "old");
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(folder / "a"), "new");
}

TEST(Output, ReplacesATapeWhenForced) {
  const ScratchFolder folder;
  put_tape(folder / "a.tape", "old");
  put(folder / "a.tape" / "more", "old");
  auto output = Output::begin(folder / "a.tape/", Kind::kTape, true);
  ASSERT_TRUE(output);
  put_tape(output->unfinished(), "new");
  EXPECT_EQ(text_of(folder / "a.tape" / "manifest.json"), "old");
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(folder / "a.tape" / "manifest.json"), "new");
  EXPECT_FALSE(fs::exists(folder / "a.tape" / "more"));
}

TEST(Output, ReplacesNothingOfAnotherKind) {
  const ScratchFolder folder;
  put(folder / "file", "mine");
  put_tape(folder / "tape", "{}");
  fs::create_directory(folder / "home");
  put(folder / "home" / "letter", "mine");
  fs::create_symlink(folder / "file", folder / "link");
  EXPECT_THAT(refusal(folder / "file", Kind::kTape, true), HasSubstr("no tape"));
  EXPECT_THAT(refusal(folder / "home", Kind::kTape, true), HasSubstr("no tape"));
  EXPECT_THAT(refusal(folder / "tape", Kind::kFile, true), HasSubstr("no regular file"));
  EXPECT_THAT(refusal(folder / "link", Kind::kFile, true), HasSubstr("no regular file"));
  EXPECT_THAT(refusal("/dev/null", Kind::kFile, true), HasSubstr("no regular file"));
  EXPECT_EQ(text_of(folder / "home" / "letter"), "mine");
}

TEST(Output, DoesNotReplaceATapeInUse) {
  const ScratchFolder folder;
  put_tape(folder / "a.tape", "old");
  auto output = Output::begin(folder / "a.tape", Kind::kTape, true);
  ASSERT_TRUE(output);
  put_tape(output->unfinished(), "new");
  const auto reader = core::DirectoryLock::take(folder / "a.tape", core::DirectoryLock::Kind::kShared, "");
  const auto finished = output->finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message, HasSubstr("in use"));
  EXPECT_EQ(text_of(folder / "a.tape" / "manifest.json"), "old");
}

TEST(Output, ClearsWhatAKilledProcessLeftButNothingElse) {
  const ScratchFolder folder;
  put(folder / "a.new", "half");
  put_tape(folder / "b.new", "half");
  fs::create_directory(folder / "c.new");
  const auto a = Output::begin(folder / "a", Kind::kFile, false);
  EXPECT_FALSE(fs::exists(folder / "a.new"));
  const auto b = Output::begin(folder / "b", Kind::kTape, false);
  EXPECT_FALSE(fs::exists(folder / "b.new"));
  EXPECT_THAT(refusal(folder / "c", Kind::kFile, false), HasSubstr("in the way"));
  EXPECT_TRUE(fs::exists(folder / "c.new"));
}

}  // namespace
}  // namespace tapedeck::synth
