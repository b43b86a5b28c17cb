// A folder in memory for a fuzz target that reads files, made at its first use and gone at the end of the process.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "engine/core/bytes.h"
#include "engine/core/status.h"

namespace tapedeck::fuzz {

class Scratch {
 public:
  Scratch() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    const bool has_memory = std::filesystem::is_directory(memory, error);
    std::string name = (has_memory ? memory : std::filesystem::temp_directory_path()) / "tapedeck-fuzz-XXXXXX";
    TD_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  // Where nothing is, whatever there was.
  [[nodiscard]] std::filesystem::path cleared(std::string_view name) const {
    std::filesystem::remove_all(path_ / name);
    return path_ / name;
  }
  static void write(const std::filesystem::path& path, core::Bytes bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    TD_CHECK(file.flush().good());
  }

 private:
  std::filesystem::path path_;
};

}  // namespace tapedeck::fuzz
