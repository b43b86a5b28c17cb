#include "engine/transport/fragment_assembler.h"

#include <algorithm>

#include "engine/core/crc32c.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kBegunMax = 8;      // messages; one that is begun beyond it ends the one that waits longest
constexpr size_t kPiecesMax = 4096;  // of a message, apart from each other; what would be one more has to come again

// Marks [from, to) as there; false where that would be a piece too many.
bool mark(std::map<uint32_t, uint32_t>& have, uint32_t from, uint32_t to) {
  auto next = have.upper_bound(from);
  if (next != have.begin() && std::prev(next)->second >= from) {
    --next;
    from = next->first;
  } else if (have.size() == kPiecesMax && (next == have.end() || next->first > to)) {
    return false;
  }
  while (next != have.end() && next->first <= to) {
    to = std::max(to, next->second);
    next = have.erase(next);
  }
  have.emplace(from, to);
  return true;
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

std::optional<FragmentAssembler::Whole> FragmentAssembler::add(const Fragment& fragment) {
  const auto begun = this->begun(fragment);
  const uint32_t end = fragment.offset + static_cast<uint32_t>(fragment.bytes.size());
  if (!mark(begun->have, fragment.offset, end)) return std::nullopt;
  std::ranges::copy(fragment.bytes, begun->message.get() + fragment.offset);
  if (begun->have.begin()->second - begun->have.begin()->first < fragment.message_bytes) return std::nullopt;
  Whole whole(std::move(begun->message), begun->size);
  begun_.erase(begun);
  if (core::crc32c(whole.bytes()) != fragment.message_crc) return std::nullopt;  // of two messages, or forged
  return whole;
}

}  // namespace tapedeck::transport
