#include "engine/transport/fragment_assembler.h"

#include <algorithm>

#include "engine/core/crc32c.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kBegunMax = 8;  // messages; one that is begun beyond it ends the one that waits longest

// Marks [from, to) as there.
void mark(std::map<uint32_t, uint32_t>& have, uint32_t from, uint32_t to) {
  auto next = have.upper_bound(from);
  if (next != have.begin() && std::prev(next)->second >= from) {
    --next;
    from = next->first;
  }
  while (next != have.end() && next->first <= to) {
    to = std::max(to, next->second);
    next = have.erase(next);
  }
  have.emplace(from, to);
}

}  // namespace

std::list<FragmentAssembler::Begun>::iterator FragmentAssembler::begun(const Fragment& fragment) {
  const auto found = std::ranges::find_if(begun_, [&](const Begun& begun) {
    return begun.crc == fragment.message_crc && begun.size == fragment.message_bytes;
  });
  if (found != begun_.end()) {
    begun_.splice(begun_.end(), begun_, found);
  } else {
    if (begun_.size() == kBegunMax) begun_.pop_front();
    begun_.push_back({.crc = fragment.message_crc,
                      .size = fragment.message_bytes,
                      .message = std::make_unique_for_overwrite<std::byte[]>(fragment.message_bytes),
                      .have = {}});
  }
  return std::prev(begun_.end());
}

std::optional<std::vector<std::byte>> FragmentAssembler::add(const Fragment& fragment) {
  const auto begun = this->begun(fragment);
  std::ranges::copy(fragment.bytes, begun->message.get() + fragment.offset);
  mark(begun->have, fragment.offset, fragment.offset + static_cast<uint32_t>(fragment.bytes.size()));
  if (begun->have.begin()->second - begun->have.begin()->first < fragment.message_bytes) return std::nullopt;
  std::vector<std::byte> message(begun->message.get(), begun->message.get() + begun->size);
  begun_.erase(begun);
  if (core::crc32c(message) != fragment.message_crc) return std::nullopt;  // of two messages, or forged
  return message;
}

}  // namespace tapedeck::transport
