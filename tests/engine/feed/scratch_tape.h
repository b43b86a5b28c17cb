// A tape of 16 lanes that is being written in a folder of one test.
#pragma once

#include <string>

#include "engine/tape/tape_writer.h"
#include "tests/scratch_folder.h"

namespace tapedeck::feed {

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
