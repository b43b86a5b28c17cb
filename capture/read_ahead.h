// Reads a stream ahead of who walks its bytes: a thread copies from the system, or inflates, while the bytes before are
// decoded. At most kBuffers buffers are filled and not walked yet; they are recycled. Of what is no regular file it
// reads in the call itself, and no further than the system gives at once, so that a live pipe is not held up. For one
// thread, which waits where nothing is read yet; no allocation per packet, and no copy but that of a short rest.
#pragma once

#include <thread>

#include "capture/byte_stream.h"
#include "engine/core/bounded_queue.h"
#include "engine/core/page_buffer.h"

namespace tapedeck::capture {

class ReadAhead {
 public:
  static constexpr size_t kRestBytesMax = 1u << 19;

  // The stream is this object's from now on, and must outlive it.
  explicit ReadAhead(ByteStream& stream);
  ~ReadAhead();  // waits for the read in hand
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // What comes next, behind `rest`, which is the end of what the call before gave (of at most kRestBytesMax): good
  // until the next call. Nothing comes behind it at the end of the stream. After an error `rest` is still good.
  [[nodiscard]] core::Result<core::Bytes> next(core::Bytes rest);

  // Of the stream, behind what was given.
  [[nodiscard]] uint64_t position() const { return position_; }

 private:
  static constexpr size_t kBuffers = 4;
  static constexpr size_t kReadBytes = 1u << 19;
  static constexpr size_t kBufferBytes = kRestBytesMax + kReadBytes;

  // What was read into a buffer.
  struct Chunk {
    std::byte* buffer;
    core::Result<size_t> size;
    uint64_t position;
  };

  // Fills the next buffer that is free; false if none will follow.
  bool fill();

  ByteStream& stream_;
  core::PageBuffer memory_;
  core::BoundedQueue<std::byte*> free_{kBuffers};
  core::BoundedQueue<Chunk> filled_{kBuffers};
  std::byte* given_ = nullptr;  // the buffer of what was given
  uint64_t position_;
  std::thread thread_;
};

}  // namespace tapedeck::capture
