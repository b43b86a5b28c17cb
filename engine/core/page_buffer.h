// One buffer straight from the system, on huge pages where it is large enough for one: on virtual machines the first
// touch of a page costs more than filling it, and a huge page is one touch for 2 MiB. Its bytes are 0 until they are
// written, and nothing clears them a second time. One owner; moved, never copied.
#pragma once

#include <cstddef>
#include <utility>

#include "engine/core/bytes.h"

namespace tapedeck::core {

class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(size_t size) { grow(size); }
  PageBuffer(PageBuffer&& other) noexcept : mapped_(std::exchange(other.mapped_, {})) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~PageBuffer();

  [[nodiscard]] size_t size() const { return mapped_.size(); }
  [[nodiscard]] std::byte* data() const { return mapped_.data(); }
  [[nodiscard]] MutableBytes bytes() const { return mapped_; }

  // Makes it at least this large and keeps what it holds, at another place. Throws std::bad_alloc.
  void grow(size_t size);

 private:
  MutableBytes mapped_;
};

}  // namespace tapedeck::core
