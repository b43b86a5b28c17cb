#include "engine/core/parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "engine/core/durations.h"

namespace tapedeck::core {
namespace {

__extension__ using Wide = unsigned __int128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text, size_t count_max = std::string_view::npos) {
  const std::string_view head = text.substr(0, count_max);
  const size_t count = std::min(head.find_first_not_of("0123456789"), head.size());
  text.remove_prefix(count);
  return head.substr(0, count);
}

// A number at the start of `text`, which is taken off. False if there is none, or none that fits.
bool take_number(std::string_view& text, uint16_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"", kSecond_ns},
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", kSecond_ns},
    {"m", 60 * kSecond_ns},
    {"h", 3'600 * kSecond_ns},
    {"d", 86'400 * kSecond_ns},
};
constexpr Unit kByteUnits[] = {
    {"", 1},        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"k", 1 << 10},
    {"K", 1 << 10}, {"m", 1 << 20},   {"M", 1 << 20},   {"g", 1 << 30},   {"G", 1 << 30},
};
constexpr Unit kCountUnits[] = {{"", 1}, {"k", 1'000}, {"K", 1'000}, {"M", 1'000'000}, {"G", 1'000'000'000}};

struct Quantity {
  std::string_view name;      // "a duration"
  std::string_view smallest;  // what the result counts
  std::string_view expected;
  std::span<const Unit> units;
  uint64_t max;
};

constexpr Quantity kDuration{"a duration", "nanoseconds",
                             "a number with ns, us, ms, s, m, h or d, such as 250ms; a number alone is seconds",
                             kDurationUnits, std::numeric_limits<int64_t>::max()};
constexpr Quantity kSize{"a size", "bytes", "a number of bytes, or one with KiB, MiB or GiB, such as 64MiB", kByteUnits,
                         std::numeric_limits<uint64_t>::max()};
constexpr Quantity kCount{"a count", "pieces", "a number, or one with k, M or G (1000, 1000k, 1000M), such as 500k",
                          kCountUnits, std::numeric_limits<uint64_t>::max()};

// digits * 10^exponent. Integers all the way, so that 0.1s is exactly 100 ms.
struct Decimal {
  Wide digits = 0;
  int exponent = 0;
};

bool append_digits(Wide& number, std::string_view digits) {
  constexpr Wide kMax = Wide{1} << 80;  // room for 24 digits, and below 2^128 after the largest unit (2^47)
  for (const char c : digits) {
    number = number * 10 + static_cast<unsigned>(c - '0');
    if (number >= kMax) return false;
  }
  return true;
}

// Takes "e6" or "e-6" off the front. Where no number follows the e, it is left for the unit.
int take_exponent(std::string_view& text) {
  constexpr int kMax = 10'000;  // beyond the range of every quantity, as is everything that is cut to it
  std::string_view rest = text;
  if (!rest.starts_with('e') && !rest.starts_with('E')) return 0;
  rest.remove_prefix(1);
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::string_view digits = take_digits(rest);
  if (digits.empty()) return 0;
  text = rest;
  int exponent = 0;
  for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), kMax);
  return negative ? -exponent : exponent;
}

// Takes digits [. digits] [e [+-] digits] off the front; nothing when they are too many to be meant.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal number;
  if (!append_digits(number.digits, take_digits(text))) return std::nullopt;
  if (text.size() >= 2 && text[0] == '.' && is_digit(text[1])) {
    text.remove_prefix(1);
    const std::string_view fraction = take_digits(text);
    if (!append_digits(number.digits, fraction)) return std::nullopt;
    number.exponent = -static_cast<int>(std::min<size_t>(fraction.size(), 10'000));
  }
  number.exponent += take_exponent(text);
  return number;
}

Result<uint64_t> parse_quantity(std::string_view text, const Quantity& quantity) {
  const auto refuse = [&](std::string_view why) {
    return fail_with(ExitCode::kUsage, "\"{}\" is not {}: {}; expected {}", text, quantity.name, why,
                     quantity.expected);
  };
  if (text.empty()) return refuse("it is empty");
  if (text[0] == '-') return refuse("it is negative");
  if (!is_digit(text[0])) return refuse("it does not begin with a digit");

  std::string_view rest = text;
  const std::optional<Decimal> number = take_decimal(rest);
  if (!number) return refuse("it has too many digits");
  const auto unit = std::ranges::find(quantity.units, rest, &Unit::name);
  if (unit == quantity.units.end()) return refuse(fmt::format("\"{}\" is not one of its units", rest));

  Wide value = number->digits * unit->factor;
  bool exact = true;
  for (int e = number->exponent; e > 0 && value != 0 && value <= quantity.max; --e) value *= 10;
  for (int e = number->exponent; e < 0 && value != 0; ++e) {
    exact = exact && value % 10 == 0;
    value /= 10;
  }
  if (value > quantity.max) return refuse(fmt::format("the most is {} {}", quantity.max, quantity.smallest));
  // 1.1G is rounded down to whole bytes; but 0.5 is not taken for 0, nor 1.5 for 1.
  if (!exact && (value == 0 || unit->factor == 1)) {
    return refuse(fmt::format("{} cannot be divided", quantity.smallest));
  }
  return static_cast<uint64_t>(value);
}

// A part of a time, or what is wrong with it.
template <class T>
using Part = tl::expected<T, std::string_view>;
using Wrong = tl::unexpected<std::string_view>;

bool take_one_of(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Takes exactly `count` digits.
std::optional<int> take_number(std::string_view& text, size_t count) {
  const std::string_view digits = take_digits(text, count);
  if (digits.size() != count) return std::nullopt;
  int number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

Part<int64_t> take_date_s(std::string_view& text) {
  std::optional<int> month;
  std::optional<int> day;
  const std::optional<int> year = take_number(text, 4);
  if (year && take_one_of(text, "-")) month = take_number(text, 2);
  if (month && take_one_of(text, "-")) day = take_number(text, 2);
  if (!day) return Wrong("it does not begin with a date such as 2017-07-10");
  if (*year < 1970 || *year > 2553) return Wrong("the year is not from 1970 to 2553");
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return Wrong("the calendar has no such day");
  return std::chrono::seconds(std::chrono::sys_days(date).time_since_epoch()).count();
}

Part<int64_t> take_time_of_day_s(std::string_view& text) {
  std::optional<int> minute;
  std::optional<int> second;
  const std::optional<int> hour = take_number(text, 2);
  if (hour && take_one_of(text, ":")) minute = take_number(text, 2);
  if (minute && take_one_of(text, ":")) second = take_number(text, 2);
  if (!second) return Wrong("the date is not followed by a time such as 14:32:18");
  if (*hour > 23 || *minute > 59) return Wrong("the clock has no such time");
  if (*second > 59) return Wrong("the clock has no such second (leap seconds have no number of nanoseconds)");
  return *hour * 3600 + *minute * 60 + *second;
}

Part<uint64_t> take_fraction_ns(std::string_view& text) {
  if (!take_one_of(text, ".")) return 0;
  const std::string_view digits = take_digits(text);
  if (digits.empty() || digits.size() > 9) return Wrong("the fraction does not have one to nine digits");
  uint64_t ns = 0;
  for (size_t i = 0; i < 9; ++i) ns = ns * 10 + (i < digits.size() ? static_cast<uint64_t>(digits[i] - '0') : 0);
  return ns;
}

Part<int64_t> take_offset_s(std::string_view& text) {
  if (take_one_of(text, "Zz")) return 0;
  std::optional<int> hours;
  std::optional<int> minutes;
  const bool west = text.starts_with('-');
  if (take_one_of(text, "+-")) hours = take_number(text, 2);
  if (hours && take_one_of(text, ":")) minutes = take_number(text, 2);
  if (!minutes) return Wrong("the time is not followed by Z (for UTC) or an offset such as -04:00");
  if (*hours > 23 || *minutes > 59) return Wrong("there is no such offset");
  const int64_t offset_s = *hours * 3600 + *minutes * 60;
  return west ? -offset_s : offset_s;
}

Part<Nanos> parse_rfc3339(std::string_view text) {
  TD_ASSIGN(int64_t seconds, take_date_s(text));
  uint64_t fraction_ns = 0;
  if (!text.empty()) {
    if (!take_one_of(text, "Tt ")) return Wrong("the date is not followed by T and a time");
    TD_ASSIGN(const int64_t time_of_day_s, take_time_of_day_s(text));
    TD_ASSIGN(fraction_ns, take_fraction_ns(text));
    TD_ASSIGN(const int64_t offset_s, take_offset_s(text));
    if (!text.empty()) return Wrong("something follows the time");
    seconds += time_of_day_s - offset_s;
  }
  if (seconds < 0) return Wrong("it is before 1970");
  return Nanos(static_cast<uint64_t>(seconds) * kSecond_ns + fraction_ns);
}

Part<Nanos> parse_nanoseconds(std::string_view digits) {
  uint64_t ns = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ns);
  if (error != std::errc{}) return Wrong("it is more nanoseconds than 64 bits hold");
  return Nanos(ns);
}

// Three digits, or more before the point: 1.25, 12.5, 812, 40715.
std::string three_digits(double value) {
  return value < 999.5 ? fmt::format("{:.3g}", value) : fmt::format("{:.0f}", value);
}

// "3 h 25 min", from a number of the smaller unit.
std::string format_pair(uint64_t smaller, uint64_t per_larger, std::string_view larger_name,
                        std::string_view smaller_name) {
  const std::string larger = fmt::format("{} {}", smaller / per_larger, larger_name);
  return smaller % per_larger == 0 ? larger : fmt::format("{} {} {}", larger, smaller % per_larger, smaller_name);
}

std::string format_length(uint64_t ns) {
  // Each limit is where rounding to three digits would reach the next unit.
  if (ns < 1'000) return fmt::format("{} ns", ns);
  const auto value = static_cast<double>(ns);
  if (ns < 999'500) return fmt::format("{} us", three_digits(value / 1e3));
  if (ns < 999'500'000) return fmt::format("{} ms", three_digits(value / 1e6));
  if (ns < 59'950'000'000) return fmt::format("{} s", three_digits(value / 1e9));
  const auto rounded = [ns](uint64_t unit_s) { return (ns / kSecond_ns + unit_s / 2) / unit_s; };
  const uint64_t seconds = (ns + kSecond_ns / 2) / kSecond_ns;
  if (seconds < 3'600) return format_pair(seconds, 60, "min", "s");
  if (rounded(60) < 24 * 60) return format_pair(rounded(60), 60, "h", "min");
  return format_pair(rounded(3'600), 24, "d", "h");
}

}  // namespace

Result<int64_t> parse_duration_ns(std::string_view text) {
  return parse_quantity(text, kDuration).map([](uint64_t ns) { return static_cast<int64_t>(ns); });
}

Result<uint64_t> parse_bytes(std::string_view text) { return parse_quantity(text, kSize); }

Result<uint64_t> parse_count(std::string_view text) { return parse_quantity(text, kCount); }

Result<std::vector<uint16_t>> parse_numbers(std::string_view text) {
  std::set<uint16_t> numbers;
  std::string_view rest = text;
  for (bool more = true; more;) {
    uint16_t first = 0;
    bool good = take_number(rest, first);
    uint16_t last = first;
    if (good && rest.starts_with('-')) {
      rest.remove_prefix(1);
      good = take_number(rest, last) && last >= first;
    }
    more = rest.starts_with(',');
    if (!good || (!more && !rest.empty())) {
      return fail_with(ExitCode::kUsage, "bad list '{}': expected numbers and ranges up to 65535, such as 0-7,12",
                       text);
    }
    for (uint32_t number = first; number <= last; ++number) numbers.insert(static_cast<uint16_t>(number));
    if (more) rest.remove_prefix(1);
  }
  return std::vector<uint16_t>(numbers.begin(), numbers.end());
}

Result<Nanos> parse_time(std::string_view text) {
  const bool digits_only = !text.empty() && std::ranges::all_of(text, is_digit);
  return (digits_only ? parse_nanoseconds(text) : parse_rfc3339(text)).map_error([&](std::string_view why) {
    return Error{ExitCode::kUsage,
                 fmt::format("\"{}\" is not a time: {}; expected nanoseconds since 1970 or a time such as "
                             "2017-07-10T14:32:18Z",
                             text, why)};
  });
}

std::string format_time(Nanos time) {
  const std::chrono::sys_seconds seconds{std::chrono::seconds(time.value / kSecond_ns)};
  const auto midnight = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss clock{seconds - midnight};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), time.value % kSecond_ns);
}

std::string format_duration(int64_t duration_ns) {
  if (duration_ns >= 0) return format_length(static_cast<uint64_t>(duration_ns));
  return fmt::format("-{}", format_length(-static_cast<uint64_t>(duration_ns)));
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  double value = static_cast<double>(bytes) / 1024;
  for (; value >= 1023.95; ++unit) value /= 1024;  // what would be printed as 1024.0
  std::string number = fmt::format("{:.1f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, kUnits[unit]);
}

std::string format_count(uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string format_rate(double per_second) {
  constexpr std::array<std::string_view, 4> kUnits = {"", "k", "M", "G"};
  size_t unit = 0;
  for (; per_second >= 999.5 && unit + 1 < kUnits.size(); ++unit) per_second /= 1000;
  return fmt::format("{} {}/s", three_digits(per_second), kUnits[unit]);
}

}  // namespace tapedeck::core
