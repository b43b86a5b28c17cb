// Units of durations, which are plain int64_t nanoseconds whose names end in _ns.
#pragma once

#include <cstdint>

namespace tapedeck::core {

inline constexpr int64_t kMillisecond_ns = 1'000'000;
inline constexpr int64_t kSecond_ns = 1'000'000'000;

}  // namespace tapedeck::core
