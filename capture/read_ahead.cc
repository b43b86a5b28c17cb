#include "capture/read_ahead.h"

#include <algorithm>

namespace tapedeck::capture {

ReadAhead::ReadAhead(ByteStream& stream)
    : stream_(stream), memory_(kBuffers * kBufferBytes), position_(stream.position()) {
  for (size_t i = 0; i < kBuffers; ++i) free_.push(memory_.data() + i * kBufferBytes);
  if (!stream_.size()) return;
  thread_ = std::thread([this] {
    while (fill()) {
    }
  });
}

ReadAhead::~ReadAhead() {
  free_.close();
  filled_.close();  // what is pushed from now on is refused
  if (thread_.joinable()) thread_.join();
}

bool ReadAhead::fill() {
  const auto buffer = free_.pop();
  if (!buffer) return false;
  core::Result<size_t> got = stream_.read({*buffer + kRestBytesMax, kReadBytes});
  const bool is_last = !got || *got == 0;
  const bool is_wanted = filled_.push({*buffer, std::move(got), stream_.position()});
  if (is_last) filled_.close();
  return is_wanted && !is_last;
}

core::Result<core::Bytes> ReadAhead::next(core::Bytes rest) {
  TD_CHECK(rest.size() <= kRestBytesMax);
  if (!thread_.joinable() && !filled_.exhausted()) fill();
  const std::optional<Chunk> chunk = filled_.pop();
  if (!chunk) return rest;
  TD_ASSIGN(const size_t size, chunk->size);
  std::byte* const begin = chunk->buffer + kRestBytesMax - rest.size();
  std::ranges::copy(rest, begin);
  if (given_ != nullptr) free_.push(given_);
  given_ = chunk->buffer;
  position_ = chunk->position;
  return core::Bytes(begin, rest.size() + size);
}

}  // namespace tapedeck::capture
