// A fixed number of equal buffers on huge pages, each aligned to a page, recycled for ever: reading a tape touches no
// fresh page once each buffer has been used, which is dear on virtual machines. acquire() waits for a buffer to come
// back, so the pool is also the bound of what is in flight. Buffers come back from any thread. The pool must outlive
// every buffer that is out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "engine/core/page_buffer.h"
#include "engine/core/stop.h"

namespace tapedeck::core {

class BufferPool;

struct Buffer {
  MutableBytes bytes;
  BufferPool* pool = nullptr;
};

class BufferPool {
 public:
  // Reserves address space for `count` buffers of `size` bytes; memory comes with their first use.
  BufferPool(size_t count, size_t size);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  [[nodiscard]] size_t buffer_size() const { return buffer_size_; }
  [[nodiscard]] size_t count() const { return buffers_.size(); }

  // The buffer that came back last, for its bytes are the likeliest to be cached. Null when `stop` is set while it
  // waits.
  [[nodiscard]] Buffer* acquire(const StopFlag& stop);
  // The same, null when none came back in time.
  [[nodiscard]] Buffer* acquire_within(std::chrono::nanoseconds timeout);
  void release(Buffer* buffer);
  // How many buffers have not come back.
  [[nodiscard]] size_t in_use() const;
  [[nodiscard]] bool all_free() const { return in_use() == 0; }

 private:
  size_t buffer_size_;
  PageBuffer memory_;
  std::vector<Buffer> buffers_;
  mutable std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Buffer*> free_;
};

// Holds a buffer and gives it back.
class BufferLease {
 public:
  BufferLease() = default;
  explicit BufferLease(Buffer* buffer) : buffer_(buffer) {}
  BufferLease(BufferLease&& other) noexcept : buffer_(other.detach()) {}
  BufferLease& operator=(BufferLease&& other) noexcept {
    reset();
    buffer_ = other.detach();
    return *this;
  }
  ~BufferLease() { reset(); }

  [[nodiscard]] explicit operator bool() const { return buffer_ != nullptr; }
  [[nodiscard]] MutableBytes bytes() const { return buffer_->bytes; }
  // Whoever detaches it gives it back: buffer->pool->release(buffer).
  [[nodiscard]] Buffer* detach() {
    Buffer* buffer = buffer_;
    buffer_ = nullptr;
    return buffer;
  }

 private:
  void reset() {
    if (buffer_ != nullptr) buffer_->pool->release(buffer_);
    buffer_ = nullptr;
  }

  Buffer* buffer_ = nullptr;
};

}  // namespace tapedeck::core
