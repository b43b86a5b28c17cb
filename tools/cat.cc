// `tapedeck cat`: prints the records of a tape in their order of arrival.
#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"
#include "engine/core/stop.h"
#include "engine/tape/ordered_merge.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

constexpr size_t kFlushBytes = 1u << 16;

struct CatOptions {
  std::string tape;
  std::string format = "text";
  uint64_t limit = 0;
};

void append_hex(fmt::memory_buffer& out, core::Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::byte b : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(b) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(b) & 15]);
  }
}

// A field of a CSV line: quoted where it has to be.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

using Line = void (*)(fmt::memory_buffer& out, const tape::OrderedMerge::Item& item, std::string_view topic);

void append_text(fmt::memory_buffer& out, const tape::OrderedMerge::Item& item, std::string_view topic) {
  fmt::format_to(std::back_inserter(out), "{} {} lane {} seq {} {} bytes ",
                 core::format_time(item.record.capture_time()), topic, item.lane, item.sequence,
                 item.record.payload().size());
  append_hex(out, item.record.payload());
}

void append_json(fmt::memory_buffer& out, const tape::OrderedMerge::Item& item, std::string_view topic) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"ordinal":{},"time_ns":{},"source_time_ns":{},"topic":{},"lane":{},"sequence":{},"size":{},"payload":")",
      item.arrival.ordinal, item.record.capture_time(), item.record.source_time(),
      nlohmann::json(topic).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace), item.lane, item.sequence,
      item.record.payload().size());
  append_hex(out, item.record.payload());
  out.append(std::string_view("\"}"));
}

void append_csv(fmt::memory_buffer& out, const tape::OrderedMerge::Item& item, std::string_view topic) {
  fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},", item.arrival.ordinal, item.record.capture_time(),
                 item.record.source_time(), csv_field(topic), item.lane, item.sequence, item.record.payload().size());
  append_hex(out, item.record.payload());
}

Line line_of(std::string_view format) {
  if (format == "json") return append_json;
  return format == "csv" ? append_csv : append_text;
}

bool write_out(fmt::memory_buffer& out) {
  const bool written = std::fwrite(out.data(), 1, out.size(), stdout) == out.size();
  out.clear();
  return written;
}

core::Result<core::ExitCode> run(const CatOptions& options) {
  const core::StopFlag& stop = core::stop_on_signals();
  TD_ASSIGN(const tape::TapeReader tape, tape::TapeReader::open(options.tape));
  bool damaged = !tape.damage().empty();
  for (const tape::DamageReport& part : tape.damage()) fmt::print(stderr, "damaged: {}\n", tape::to_sentence(part));
  tape::OrderedMerge merge(tape, [&damaged](const tape::DamageReport& part) {
    damaged = true;
    fmt::print(stderr, "damaged: {}\n", tape::to_sentence(part));
  });
  const Line append_line = line_of(options.format);
  fmt::memory_buffer out;
  if (options.format == "csv")
    out.append(std::string_view("ordinal,time_ns,source_time_ns,topic,lane,sequence,size,payload\n"));
  uint64_t printed = 0;
  while (options.limit == 0 || printed < options.limit) {
    const auto item = merge.next();
    if (!item) break;
    if (stop.requested()) return core::ExitCode::kInterrupted;
    const uint32_t topic = item->record.topic().value;
    append_line(out, *item, topic < tape.topic_names().size() ? tape.topic_names()[topic] : "");
    out.push_back('\n');
    ++printed;
    if (out.size() >= kFlushBytes && !write_out(out)) return core::fail("cannot write to standard output");
  }
  if (!write_out(out) || std::fflush(stdout) != 0) return core::fail("cannot write to standard output");
  return damaged ? core::ExitCode::kDamaged : core::ExitCode::kOk;
}

}  // namespace

void add_cat(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<CatOptions>();
  CLI::App* command = program.add_subcommand("cat", "Prints the records of a tape in their order of arrival");
  command->add_option("TAPE", options->tape, "The tape (a directory)")->required();
  command->add_option("--format", options->format, "text, json (one object a line) or csv; payloads in hex")
      ->check(CLI::IsMember({"text", "json", "csv"}))
      ->capture_default_str();
  command->add_option("--limit", options->limit, "Stop after this many records (0: all)")->capture_default_str();
  command->callback([options, &exit] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
