// Texts that people type for quantities, and quantities as people read them. Every parser takes the whole text or
// fails with a sentence that says what was expected, with an example.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/core/types.h"

namespace tapedeck::core {

// "250ms", "1.5s", "100us", "7ns", "2m", "3h", "1d"; a number alone is seconds. Nanoseconds; negative is refused.
[[nodiscard]] Result<int64_t> parse_duration_ns(std::string_view text);

// "64MiB", "1.5G", "100k", "512": binary units for KiB, MiB, GiB and for K, M, G alike (1024). Bytes.
[[nodiscard]] Result<uint64_t> parse_bytes(std::string_view text);

// "2M", "500k", "1.5e6", "100": decimal multipliers k, M, G (1000).
[[nodiscard]] Result<uint64_t> parse_count(std::string_view text);

// Nanoseconds since 1970 ("1503412345000000000") or RFC 3339 ("2017-07-10T14:32:18Z", with up to nine digits of
// fraction and an offset such as -04:00; a date without time is its midnight UTC).
[[nodiscard]] Result<Nanos> parse_time(std::string_view text);

// "0-7,12": numbers and ranges of numbers, 0 to 65535; ascending, each once.
[[nodiscard]] Result<std::vector<uint16_t>> parse_numbers(std::string_view text);

[[nodiscard]] std::string format_time(Nanos time);               // "2017-07-10T14:32:18.123456789Z"
[[nodiscard]] std::string format_duration(int64_t duration_ns);  // "1.25 s", "812 us", "3 h 25 min"
[[nodiscard]] std::string format_bytes(uint64_t bytes);          // "1.2 MiB"
[[nodiscard]] std::string format_count(uint64_t count);          // "40,715"
[[nodiscard]] std::string format_rate(double per_second);        // "33.1 M/s", "512 /s"

}  // namespace tapedeck::core
