// Reads a file or a pipe from front to back, inflated where it is gzip (by its magic bytes; several members are read as
// one), else as it is. Reads no further ahead than the system gives at once, so that a pipe is not held up. One thread.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/file.h"

namespace tapedeck::capture {

class ByteStream {
 public:
  [[nodiscard]] static core::Result<std::unique_ptr<ByteStream>> open(const std::filesystem::path& path);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;  // zlib keeps its address
  ByteStream& operator=(const ByteStream&) = delete;

  // Gives 1 to out.size() bytes, or 0 at the end. After an error or an interrupting signal it fails for good, kDamaged
  // where the compressed bytes are damaged or cut.
  [[nodiscard]] core::Result<size_t> read(core::MutableBytes out);

  // Of what is no regular file: calls `idle` whenever nothing is there to be read, and every few milliseconds until
  // something is. An error of its own ends the reading with that error.
  void when_idle(std::function<core::Status()> idle) { idle_ = std::move(idle); }

  // Of the file, as it is stored: for progress. The size of a pipe is unknown.
  [[nodiscard]] uint64_t position() const { return position_; }
  [[nodiscard]] std::optional<uint64_t> size() const { return size_; }

 private:
  explicit ByteStream(core::File file);
  [[nodiscard]] core::Status look_for_gzip();
  [[nodiscard]] core::Status wait_for_input();
  [[nodiscard]] core::Result<size_t> read_stored(core::MutableBytes out);
  // Tops up the input; false at the end of the file.
  [[nodiscard]] core::Result<bool> fill();
  [[nodiscard]] core::Result<size_t> inflate_some(core::MutableBytes out);
  // After the end of a gzip member: is there another one?
  [[nodiscard]] core::Result<bool> next_member();

  core::File file_;
  std::function<core::Status()> idle_;
  std::optional<uint64_t> size_;
  uint64_t position_ = 0;
  std::vector<std::byte> input_;
  core::Bytes waiting_;  // of input_: read, but not given yet
  z_stream inflater_{};
  bool gzip_ = false;
  bool ended_ = false;
};

}  // namespace tapedeck::capture
