#include "engine/core/page_buffer.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "engine/core/file.h"

namespace tapedeck::core {
namespace {

constexpr size_t kHugePage = 2u << 20;

// What fills more than half a huge page gets a whole one: that costs less than the touches.
constexpr size_t mapped_size(size_t size) { return align_up(size, size > kHugePage / 2 ? kHugePage : kPageSize); }

void unmap(std::byte* from, std::byte* to) {
  if (from != to) munmap(from, static_cast<size_t>(to - from));
}

// `size` bytes that begin on a multiple of `alignment`.
std::byte* map(size_t size, size_t alignment) {
  const size_t reserved = size + alignment;
  void* const memory =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* const start = static_cast<std::byte*>(memory);
  const auto address = reinterpret_cast<uintptr_t>(start);
  std::byte* const begin = start + (align_up(address, alignment) - address);
  unmap(start, begin);
  unmap(begin + size, start + reserved);
  return begin;
}

}  // namespace

void PageBuffer::grow(size_t size) {
  if (size <= mapped_.size()) return;
  const size_t bytes = mapped_size(size);
  const bool is_huge = bytes % kHugePage == 0;
  const MutableBytes larger(map(bytes, is_huge ? kHugePage : kPageSize), bytes);
  if (is_huge) madvise(larger.data(), bytes, MADV_HUGEPAGE);  // a wish; without huge pages it is slower, not wrong
  if (!mapped_.empty()) std::memcpy(larger.data(), mapped_.data(), mapped_.size());
  unmap(mapped_.data(), mapped_.data() + mapped_.size());
  mapped_ = larger;
}

PageBuffer::~PageBuffer() { unmap(mapped_.data(), mapped_.data() + mapped_.size()); }

}  // namespace tapedeck::core
