#include "engine/core/buffer_pool.h"

#include "engine/core/file.h"
#include "engine/core/status.h"

namespace tapedeck::core {
namespace {

constexpr auto kStopCheck = std::chrono::milliseconds(50);

}  // namespace

BufferPool::BufferPool(size_t count, size_t size)
    : buffer_size_(align_up(size, kPageSize)), memory_(count * buffer_size_) {
  TD_CHECK(count > 0 && size > 0);
  buffers_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    buffers_[i] = {memory_.bytes().subspan(i * buffer_size_, buffer_size_), this};
    free_.push_back(&buffers_[count - 1 - i]);
  }
}

BufferPool::~BufferPool() { TD_CHECK(all_free()); }

Buffer* BufferPool::acquire(const StopFlag& stop) {
  Buffer* buffer = nullptr;
  do {
    buffer = acquire_within(kStopCheck);
  } while (buffer == nullptr && !stop.requested());
  return buffer;
}

Buffer* BufferPool::acquire_within(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, timeout, [this] { return !free_.empty(); })) return nullptr;
  Buffer* buffer = free_.back();
  free_.pop_back();
  return buffer;
}

void BufferPool::release(Buffer* buffer) {
  // Told under the lock: whoever then sees that all are free may destroy the pool.
  const std::lock_guard lock(mutex_);
  free_.push_back(buffer);
  returned_.notify_one();
}

size_t BufferPool::in_use() const {
  const std::lock_guard lock(mutex_);
  return buffers_.size() - free_.size();
}

}  // namespace tapedeck::core
