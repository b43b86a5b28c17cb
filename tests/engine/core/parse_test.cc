#include "engine/core/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "engine/core/durations.h"

namespace tapedeck::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();
constexpr int64_t kLongest_ns = std::numeric_limits<int64_t>::max();

// The value, or the sentence: a test that expects the one prints the other.
template <class T>
T value_of(const Result<T>& result) {
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : T{};
}

template <class T>
std::string error_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  if (result) return "";
  EXPECT_EQ(result.error().code, ExitCode::kUsage);
  return result.error().message;
}

int64_t duration(std::string_view text) { return value_of(parse_duration_ns(text)); }
uint64_t bytes(std::string_view text) { return value_of(parse_bytes(text)); }
uint64_t count(std::string_view text) { return value_of(parse_count(text)); }
uint64_t time_ns(std::string_view text) { return value_of(parse_time(text)).value; }

TEST(ParseDuration, KnowsEveryUnit) {
  EXPECT_EQ(duration("7ns"), 7);
  EXPECT_EQ(duration("100us"), 100'000);
  EXPECT_EQ(duration("250ms"), 250'000'000);
  EXPECT_EQ(duration("3s"), 3 * kSecond_ns);
  EXPECT_EQ(duration("2m"), 120 * kSecond_ns);
  EXPECT_EQ(duration("3h"), 3 * 3600 * kSecond_ns);
  EXPECT_EQ(duration("1d"), 86'400 * kSecond_ns);
}

TEST(ParseDuration, TakesANumberAloneForSeconds) {
  EXPECT_EQ(duration("0"), 0);
  EXPECT_EQ(duration("5"), 5 * kSecond_ns);
  EXPECT_EQ(duration("0.25"), 250'000'000);
}

TEST(ParseDuration, KeepsFractionsExactly) {
  EXPECT_EQ(duration("1.5s"), 1'500'000'000);
  EXPECT_EQ(duration("0.1s"), 100'000'000);
  EXPECT_EQ(duration("1.000000001s"), 1'000'000'001);
  EXPECT_EQ(duration("9007199.254740993s"), 9'007'199'254'740'993);  // not a double
  EXPECT_EQ(duration("1.9999999999s"), 1'999'999'999);               // rounded down
  EXPECT_EQ(duration("1.0ns"), 1);
}

TEST(ParseDuration, TakesTheLongestAndRefusesMore) {
  EXPECT_EQ(duration("9223372036854775807ns"), kLongest_ns);
  EXPECT_EQ(duration("9223372036.854775807"), kLongest_ns);
  EXPECT_THAT(error_of(parse_duration_ns("9223372036854775808ns")), HasSubstr("the most is 9223372036854775807"));
  EXPECT_THAT(error_of(parse_duration_ns("106752d")), HasSubstr("the most is"));
  EXPECT_THAT(error_of(parse_duration_ns("18446744073709551617ns")), HasSubstr("the most is"));
}

TEST(ParseDuration, SaysWhatIsWrongAndWhatWasExpected) {
  EXPECT_EQ(error_of(parse_duration_ns("10x")),
            "\"10x\" is not a duration: \"x\" is not one of its units; expected a number with ns, us, ms, s, m, h or "
            "d, such as 250ms; a number alone is seconds");
  EXPECT_THAT(error_of(parse_duration_ns("")), HasSubstr("it is empty"));
  EXPECT_THAT(error_of(parse_duration_ns("-1s")), HasSubstr("it is negative"));
  EXPECT_THAT(error_of(parse_duration_ns("fast")), HasSubstr("does not begin with a digit"));
  EXPECT_THAT(error_of(parse_duration_ns("0.5ns")), HasSubstr("nanoseconds cannot be divided"));
  EXPECT_THAT(error_of(parse_duration_ns("1.5ns")), HasSubstr("nanoseconds cannot be divided"));
  EXPECT_THAT(error_of(parse_duration_ns("0.0000000001s")), HasSubstr("nanoseconds cannot be divided"));
}

TEST(ParseDuration, TakesTheWholeTextOrNothing) {
  for (const std::string_view text : {" 1s", "1s ", "1 s", "1s2", "1.s", ".5s", "1..5s", "1.5.5s", "+1s", "1M", "1S",
                                      "s", "1e", "1e+s", "0x10s", "1,5s", "inf", "nan"}) {
    EXPECT_FALSE(parse_duration_ns(text)) << text;
  }
}

TEST(ParseBytes, TakesUnitsForPowersOf1024) {
  EXPECT_EQ(bytes("512"), 512u);
  for (const std::string_view text : {"100k", "100K", "100KiB"}) EXPECT_EQ(bytes(text), 102'400u) << text;
  for (const std::string_view text : {"64m", "64M", "64MiB"}) EXPECT_EQ(bytes(text), 67'108'864u) << text;
  for (const std::string_view text : {"1.5g", "1.5G", "1.5GiB"}) EXPECT_EQ(bytes(text), 1'610'612'736u) << text;
}

TEST(ParseBytes, RoundsDownToWholeBytesButNotToNone) {
  EXPECT_EQ(bytes("1.1G"), 1'181'116'006u);
  EXPECT_THAT(error_of(parse_bytes("0.0001k")), HasSubstr("bytes cannot be divided"));
  EXPECT_THAT(error_of(parse_bytes("1.5")), HasSubstr("bytes cannot be divided"));
}

TEST(ParseBytes, TakesTheLargestAndRefusesMore) {
  EXPECT_EQ(bytes("18446744073709551615"), kUint64Max);
  EXPECT_FALSE(parse_bytes("18446744073709551616"));
  EXPECT_EQ(bytes("17179869183G"), kUint64Max - (1u << 30) + 1);
  EXPECT_FALSE(parse_bytes("17179869184G"));
  EXPECT_THAT(error_of(parse_bytes(std::string(100, '9'))), HasSubstr("too many digits"));
  EXPECT_EQ(bytes(std::string(100, '0') + "1"), 1u);
}

TEST(ParseBytes, RefusesUnitsThatAreNotItsOwn) {
  for (const std::string_view text : {"1kB", "1MB", "1B", "1T", "1kib", "1 MiB"}) {
    EXPECT_THAT(error_of(parse_bytes(text)), AllOf(HasSubstr("is not one of its units"), HasSubstr("such as 64MiB")));
  }
}

TEST(ParseCount, TakesUnitsForPowersOf1000) {
  EXPECT_EQ(count("100"), 100u);
  EXPECT_EQ(count("500k"), 500'000u);
  EXPECT_EQ(count("500K"), 500'000u);
  EXPECT_EQ(count("2M"), 2'000'000u);
  EXPECT_EQ(count("0.25G"), 250'000'000u);
  EXPECT_FALSE(parse_count("2m"));  // would be milli
}

TEST(ParseCount, TakesExponentsOfTen) {
  EXPECT_EQ(count("1.5e6"), 1'500'000u);
  EXPECT_EQ(count("1E+3"), 1'000u);
  EXPECT_EQ(count("5000e-3"), 5u);
  EXPECT_EQ(count("1e3k"), 1'000'000u);
  EXPECT_EQ(count("0e9999999999"), 0u);
  EXPECT_EQ(count("1.8446744073709551615e19"), kUint64Max);
  EXPECT_FALSE(parse_count("1.8446744073709551616e19"));
  EXPECT_FALSE(parse_count("1e20"));
  EXPECT_FALSE(parse_count("1e9999999999999999999999"));
  EXPECT_FALSE(parse_count("1e-9999999999999999999999"));
}

TEST(ParseCount, RefusesFractionsOfOne) {
  EXPECT_THAT(error_of(parse_count("1.5")), AllOf(HasSubstr("cannot be divided"), HasSubstr("such as 500k")));
  EXPECT_THAT(error_of(parse_count("0.5")), HasSubstr("cannot be divided"));
}

TEST(ParseTime, TakesDigitsForNanosecondsSince1970) {
  EXPECT_EQ(time_ns("0"), 0u);
  EXPECT_EQ(time_ns("1503412345000000000"), 1'503'412'345'000'000'000u);
  EXPECT_EQ(time_ns("18446744073709551615"), kUint64Max);
  EXPECT_THAT(error_of(parse_time("18446744073709551616")), HasSubstr("more nanoseconds than 64 bits hold"));
}

TEST(ParseTime, TakesRfc3339) {
  EXPECT_EQ(time_ns("1970-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(time_ns("2017-07-10T14:32:18Z"), 1'499'697'138'000'000'000u);
  EXPECT_EQ(time_ns("2017-07-10t14:32:18z"), 1'499'697'138'000'000'000u);
  EXPECT_EQ(time_ns("2017-07-10 14:32:18Z"), 1'499'697'138'000'000'000u);
  EXPECT_EQ(time_ns("2553-12-31T23:59:59.999999999Z"), 18'429'292'799'999'999'999u);
}

TEST(ParseTime, TakesADateForItsMidnight) {
  EXPECT_EQ(time_ns("2017-07-10"), 1'499'644'800'000'000'000u);
  EXPECT_EQ(time_ns("1970-01-02"), 86'400'000'000'000u);
}

TEST(ParseTime, TakesUpToNineDigitsOfFraction) {
  EXPECT_EQ(time_ns("1970-01-01T00:00:00.5Z"), 500'000'000u);
  EXPECT_EQ(time_ns("1970-01-01T00:00:00.000000001Z"), 1u);
  EXPECT_EQ(time_ns("1970-01-01T00:00:00.123456789Z"), 123'456'789u);
  EXPECT_FALSE(parse_time("1970-01-01T00:00:00.Z"));
  EXPECT_FALSE(parse_time("1970-01-01T00:00:00.1234567890Z"));
}

TEST(ParseTime, SubtractsTheOffset) {
  EXPECT_EQ(time_ns("2017-07-10T10:32:18-04:00"), time_ns("2017-07-10T14:32:18Z"));
  EXPECT_EQ(time_ns("2017-07-10T20:02:18+05:30"), time_ns("2017-07-10T14:32:18Z"));
  EXPECT_EQ(time_ns("2017-01-01T00:30:00+01:00"), time_ns("2016-12-31T23:30:00Z"));
  EXPECT_EQ(time_ns("2553-12-31T23:59:59-23:59"), 18'429'379'139'000'000'000u);
  EXPECT_THAT(error_of(parse_time("1970-01-01T00:30:00+01:00")), HasSubstr("before 1970"));
}

TEST(ParseTime, KnowsTheCalendar) {
  EXPECT_EQ(time_ns("2016-02-29"), 1'456'704'000'000'000'000u);
  EXPECT_EQ(time_ns("2000-02-29"), 951'782'400'000'000'000u);
  for (const std::string_view text : {"2017-02-29", "2100-02-29", "2016-02-30", "2016-04-31", "2016-00-01",
                                      "2016-13-01", "2016-01-00", "2016-01-32"}) {
    EXPECT_THAT(error_of(parse_time(text)), HasSubstr("the calendar has no such day")) << text;
  }
  for (const std::string_view text : {"1969-12-31", "2554-01-01", "0000-01-01"}) {
    EXPECT_THAT(error_of(parse_time(text)), HasSubstr("not from 1970 to 2553")) << text;
  }
}

TEST(ParseTime, RefusesTimesThatNoClockShows) {
  for (const std::string_view text : {"24:00:00Z", "23:60:00Z", "23:59:60Z"}) {
    EXPECT_THAT(error_of(parse_time("2016-12-31T" + std::string(text))), HasSubstr("the clock has no such")) << text;
  }
  for (const std::string_view offset : {"+24:00", "-00:60"}) {
    EXPECT_THAT(error_of(parse_time("2016-12-31T00:00:00" + std::string(offset))), HasSubstr("no such offset"));
  }
}

TEST(ParseTime, SaysWhatIsWrongAndWhatWasExpected) {
  EXPECT_EQ(error_of(parse_time("2017-07-10T14:32:18")),
            "\"2017-07-10T14:32:18\" is not a time: the time is not followed by Z (for UTC) or an offset such as "
            "-04:00; expected nanoseconds since 1970 or a time such as 2017-07-10T14:32:18Z");
  EXPECT_THAT(error_of(parse_time("")), HasSubstr("does not begin with a date"));
  EXPECT_THAT(error_of(parse_time("-1")), HasSubstr("does not begin with a date"));
  EXPECT_THAT(error_of(parse_time("17-07-10")), HasSubstr("does not begin with a date"));
  EXPECT_THAT(error_of(parse_time("2017-07-10T14:32Z")), HasSubstr("not followed by a time"));
  EXPECT_THAT(error_of(parse_time("2017-07-10x")), HasSubstr("not followed by T"));
  EXPECT_THAT(error_of(parse_time("2017-07-10T14:32:18Z ")), HasSubstr("something follows the time"));
}

TEST(FormatTime, GivesNineDigitsOfFractionInUtc) {
  EXPECT_EQ(format_time(Nanos(0)), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(format_time(Nanos(1'499'697'138'123'456'789)), "2017-07-10T14:32:18.123456789Z");
  EXPECT_EQ(format_time(Nanos(kUint64Max)), "2554-07-21T23:34:33.709551615Z");
}

TEST(FormatTime, GivesWhatParseTimeReads) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Nanos time(random() % 18'429'292'800'000'000'000u);
    ASSERT_EQ(time_ns(format_time(time)), time.value);
  }
}

TEST(FormatDuration, GivesThreeDigitsBelowAMinute) {
  EXPECT_EQ(format_duration(0), "0 ns");
  EXPECT_EQ(format_duration(812), "812 ns");
  EXPECT_EQ(format_duration(1'500), "1.5 us");
  EXPECT_EQ(format_duration(812'400), "812 us");
  EXPECT_EQ(format_duration(12'340'000), "12.3 ms");
  EXPECT_EQ(format_duration(1'250'000'000), "1.25 s");
  EXPECT_EQ(format_duration(59'949'999'999), "59.9 s");
}

TEST(FormatDuration, GivesTwoUnitsFromAMinuteOn) {
  EXPECT_EQ(format_duration(60 * kSecond_ns), "1 min");
  EXPECT_EQ(format_duration(65 * kSecond_ns), "1 min 5 s");
  EXPECT_EQ(format_duration((3 * 60 + 25) * 60 * kSecond_ns), "3 h 25 min");
  EXPECT_EQ(format_duration(50 * 3'600 * kSecond_ns), "2 d 2 h");
  EXPECT_EQ(format_duration(kLongest_ns), "106752 d");
}

TEST(FormatDuration, GoesToTheNextUnitWhereRoundingDoes) {
  EXPECT_EQ(format_duration(999'499), "999 us");
  EXPECT_EQ(format_duration(999'500), "1 ms");
  EXPECT_EQ(format_duration(999'500'000), "1 s");
  EXPECT_EQ(format_duration(59'950'000'000), "1 min");
  EXPECT_EQ(format_duration(3'599 * kSecond_ns + 500'000'000), "1 h");
  EXPECT_EQ(format_duration(86'399 * kSecond_ns), "1 d");
}

TEST(FormatDuration, TakesNegativeOnesToo) {
  EXPECT_EQ(format_duration(-1'250'000'000), "-1.25 s");
  EXPECT_EQ(format_duration(std::numeric_limits<int64_t>::min()), "-106752 d");
}

TEST(ParseNumbers, TakesNumbersAndRangesInAnyOrder) {
  using Numbers = std::vector<uint16_t>;
  EXPECT_EQ(*parse_numbers("7"), Numbers({7}));
  EXPECT_EQ(*parse_numbers("12,0-3,2"), Numbers({0, 1, 2, 3, 12}));
  EXPECT_EQ(parse_numbers("65534-65535")->size(), 2u);
}

TEST(ParseNumbers, RefusesEverythingElse) {
  for (const char* bad : {"", ",", "1,", "3-1", "1-", "-1", "65536", "0-65536", "1 ", "a", "1--2", "1-2-3"}) {
    EXPECT_FALSE(parse_numbers(bad)) << bad;
  }
}

TEST(FormatBytes, GivesOneDigitAfterThePointUnlessItIsZero) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1 KiB");
  EXPECT_EQ(format_bytes(1'258'291), "1.2 MiB");
  EXPECT_EQ(format_bytes(64u << 20), "64 MiB");
  EXPECT_EQ(format_bytes((1u << 20) - 1), "1 MiB");
  EXPECT_EQ(format_bytes(uint64_t{5} << 40), "5 TiB");
  EXPECT_EQ(format_bytes(kUint64Max), "16 EiB");
}

TEST(FormatCount, SeparatesThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1'000), "1,000");
  EXPECT_EQ(format_count(40'715), "40,715");
  EXPECT_EQ(format_count(kUint64Max), "18,446,744,073,709,551,615");
}

TEST(FormatRate, GivesThreeDigits) {
  EXPECT_EQ(format_rate(0), "0 /s");
  EXPECT_EQ(format_rate(0.5), "0.5 /s");
  EXPECT_EQ(format_rate(512), "512 /s");
  EXPECT_EQ(format_rate(999.6), "1 k/s");
  EXPECT_EQ(format_rate(33.1e6), "33.1 M/s");
  EXPECT_EQ(format_rate(1.25e9), "1.25 G/s");
  EXPECT_EQ(format_rate(5e12), "5000 G/s");
}

}  // namespace
}  // namespace tapedeck::core
