// What people type: endpoints, sizes, counts, durations, times. The input is the text.
#include "engine/core/parse.h"
#include "engine/feed/decoder.h"
#include "engine/transport/endpoint.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

template <class T>
bool is_refused(const core::Result<T>& result) {
  TD_CHECK(result || (result.error().code == core::ExitCode::kUsage && !result.error().message.empty()));
  return !result;
}

void read_endpoint(std::string_view text) {
  const auto endpoint = transport::parse_endpoint(text);
  if (is_refused(endpoint)) return;
  const auto again = transport::parse_endpoint(endpoint->text());
  TD_CHECK(again && again->text() == endpoint->text());
  const transport::Endpoint session = transport::session_endpoint_for(*endpoint);
  TD_CHECK(session.text() != endpoint->text() || session.scheme == transport::Scheme::kTcp);
}

void read_quantities(std::string_view text) {
  const auto duration_ns = core::parse_duration_ns(text);
  if (!is_refused(duration_ns)) {
    TD_CHECK(*duration_ns >= 0);
    TD_CHECK(core::parse_duration_ns(fmt::format("{}ns", *duration_ns)) == *duration_ns);
    TD_CHECK(!core::format_duration(*duration_ns).empty());
  }
  const auto bytes = core::parse_bytes(text);
  if (!is_refused(bytes)) {
    TD_CHECK(core::parse_bytes(fmt::format("{}", *bytes)) == *bytes);
    TD_CHECK(!core::format_bytes(*bytes).empty());
  }
  const auto count = core::parse_count(text);
  if (!is_refused(count)) {
    TD_CHECK(core::parse_count(fmt::format("{}", *count)) == *count);
    TD_CHECK(!core::format_count(*count).empty());
  }
}

void read_time(std::string_view text) {
  const auto time = core::parse_time(text);
  if (is_refused(time)) return;
  TD_CHECK(core::parse_time(fmt::format("{}", *time)) == *time);
  // 64 bits reach into a year that is not read any more.
  const std::string date = core::format_time(*time);
  TD_CHECK(date.starts_with("2554-") || core::parse_time(date) == *time);
}

}  // namespace

void run_one(Bytes input) {
  const ByteVector bytes = copy_of(input);
  const std::string_view text = core::as_text(bytes);
  read_endpoint(text);
  read_quantities(text);
  read_time(text);
  if (const auto protocol = feed::protocol_of(text)) TD_CHECK(feed::protocol_name(*protocol) == text);
}

}  // namespace tapedeck::fuzz
