// A folder for one test, gone after it, and a tape of 16 lanes that is being written in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "engine/tape/tape_writer.h"

namespace tapedeck::feed {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = ::testing::TempDir() + "tapedeck-feed-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

class ScratchTape {
 public:
  ScratchTape() : writer_(tape::TapeWriter::create(folder_ / "test.tape", {}).value()) {}

  [[nodiscard]] tape::TapeWriter& writer() { return writer_; }
  [[nodiscard]] std::string name_of(core::TopicId topic) const { return std::string(writer_.topic_name(topic)); }

 private:
  ScratchFolder folder_;
  tape::TapeWriter writer_;
};

}  // namespace tapedeck::feed
