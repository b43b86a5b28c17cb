// Puts the fragments of messages together again, in any order, from any number of sendings of the same message.
// Bounded: what was begun and never ends makes room for what comes later. For one thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>

#include "engine/transport/datagram.h"

namespace tapedeck::transport {

class FragmentAssembler {
 public:
  // A message in memory of its own.
  class Whole {
   public:
    Whole(std::unique_ptr<std::byte[]> memory, size_t size) : memory_(std::move(memory)), size_(size) {}
    [[nodiscard]] core::Bytes bytes() const { return {memory_.get(), size_}; }

   private:
    std::unique_ptr<std::byte[]> memory_;
    size_t size_;
  };
  // The whole message, once its last missing fragment has come.
  [[nodiscard]] std::optional<Whole> add(const Fragment& fragment);

 private:
  struct Begun {
    uint32_t crc = 0;
    uint32_t size = 0;
    std::unique_ptr<std::byte[]> message;  // touched only where a fragment has come: a forged size costs no memory
    std::map<uint32_t, uint32_t> have;     // from offset to the next that is missing; apart from each other
  };
  [[nodiscard]] std::list<Begun>::iterator begun(const Fragment& fragment);

  std::list<Begun> begun_;  // the one that was touched last is at the back
};

}  // namespace tapedeck::transport
