// A folder for one test, gone after it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "engine/core/status.h"

namespace tapedeck {

class ScratchFolder {
 public:
  ScratchFolder() : ScratchFolder(std::filesystem::temp_directory_path()) {}
  // In memory where the system has that: for tests that write very often, or sync what they write.
  [[nodiscard]] static ScratchFolder in_memory() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    return ScratchFolder(std::filesystem::is_directory(memory, error) ? memory
                                                                      : std::filesystem::temp_directory_path());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  // Makes the folders that it needs, and gives the file's path.
  std::filesystem::path write(std::string_view name, std::string_view text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    TD_CHECK((std::ofstream(file, std::ios::binary) << text).flush().good());
    return file;
  }
  // Where nothing is, whatever there was.
  [[nodiscard]] std::filesystem::path cleared(std::string_view name) const {
    std::filesystem::remove_all(path_ / name);
    return path_ / name;
  }

 private:
  explicit ScratchFolder(const std::filesystem::path& parent) {
    std::string name = parent / "tapedeck-XXXXXX";
    TD_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }

  std::filesystem::path path_;
};

}  // namespace tapedeck
