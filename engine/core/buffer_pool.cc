#include "engine/core/buffer_pool.h"

#include <sys/mman.h>

#include <chrono>

#include "engine/core/file.h"
#include "engine/core/status.h"

namespace tapedeck::core {
namespace {

constexpr size_t kHugePage = 2u << 20;
constexpr auto kStopCheck = std::chrono::milliseconds(50);

constexpr size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

}  // namespace

BufferPool::BufferPool(size_t count, size_t size) : buffer_size_(round_up(size, kPageSize)) {
  TD_CHECK(count > 0 && size > 0);
  const size_t bytes = round_up(count * buffer_size_, kHugePage);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TD_CHECK(memory != MAP_FAILED);
  madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; without huge pages it is slower, not wrong
  memory_ = {static_cast<std::byte*>(memory), bytes};
  buffers_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    buffers_[i] = {memory_.subspan(i * buffer_size_, buffer_size_), this};
    free_.push_back(&buffers_[count - 1 - i]);
  }
}

BufferPool::~BufferPool() {
  TD_CHECK(all_free());
  munmap(memory_.data(), memory_.size());
}

Buffer* BufferPool::acquire(const StopFlag& stop) {
  std::unique_lock lock(mutex_);
  while (!returned_.wait_for(lock, kStopCheck, [this] { return !free_.empty(); })) {
    if (stop.requested()) return nullptr;
  }
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
