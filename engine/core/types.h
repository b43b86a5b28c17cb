// Strong types for the numbers that everything passes around, so that a lane is never taken for a topic.
// They cost nothing: each is one integer. Times are unsigned nanoseconds since 1970-01-01 UTC; durations are plain
// int64_t whose names end in _ns.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace tapedeck::core {

template <class Tag, class Rep>
struct Strong {
  using rep = Rep;
  Rep value{};

  constexpr Strong() = default;
  constexpr explicit Strong(Rep v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;

  // An integer added to a count or time is the next one; the difference of two is an integer.
  friend constexpr Strong operator+(Strong a, Rep n) { return Strong(static_cast<Rep>(a.value + n)); }
  friend constexpr Rep operator-(Strong a, Strong b) { return static_cast<Rep>(a.value - b.value); }
  constexpr Strong& operator+=(Rep n) {
    value = static_cast<Rep>(value + n);
    return *this;
  }
};

using Lane = Strong<struct LaneTag, uint16_t>;
using TopicId = Strong<struct TopicIdTag, uint32_t>;
using SourceId = Strong<struct SourceIdTag, uint32_t>;
using Sequence = Strong<struct SequenceTag, uint64_t>;  // of a record within its lane, from 0
using Ordinal = Strong<struct OrdinalTag, uint64_t>;    // of a record within its source, from 0
using Nanos = Strong<struct NanosTag, uint64_t>;        // since 1970-01-01 UTC
using TapeId = Strong<struct TapeIdTag, uint64_t>;      // random; 16 hex digits in texts

}  // namespace tapedeck::core

template <class Tag, class Rep>
struct fmt::formatter<tapedeck::core::Strong<Tag, Rep>> : fmt::formatter<Rep> {
  template <class Context>
  auto format(tapedeck::core::Strong<Tag, Rep> v, Context& context) const {
    return fmt::formatter<Rep>::format(v.value, context);
  }
};

template <class Tag, class Rep>
struct std::hash<tapedeck::core::Strong<Tag, Rep>> {
  size_t operator()(tapedeck::core::Strong<Tag, Rep> v) const noexcept { return std::hash<Rep>{}(v.value); }
};
