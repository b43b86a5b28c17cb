// tapedeck synth: a made-up session of an exchange as a pcap file, or with --fixed a tape of plain messages. Same
// options, same bytes (a tape's id and date apart). What it writes stands under its name only when it is whole.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/clock.h"
#include "engine/core/parse.h"
#include "engine/core/stop.h"
#include "engine/tape/codec.h"
#include "tools/commands.h"
#include "tools/synth/fixed_tape.h"
#include "tools/synth/itch_pcap.h"
#include "tools/synth/output.h"

namespace tapedeck::tools {
namespace {

using core::ExitCode;
using core::Result;

// As typed; empty where not given.
struct SynthArguments {
  std::string output;
  std::string messages = "1M";
  std::string mean_rate = "100k";
  std::string symbols;
  std::string topics = "1000";
  std::string fixed;
  std::string block_size = "1MiB";
  std::string segment_size = "1GiB";
  std::string codec = "none";
  uint16_t lanes = 16;
  uint64_t seed = 1;
  double zipf = 1;
  bool zipf_given = false;
  bool replace = false;
  bool json = false;
};

using Parser = Result<uint64_t> (*)(std::string_view);

// The quantity that `option` was given as `text`, into `value`.
template <class T>
core::Status read(std::string_view option, Parser parse, const std::string& text, T& value) {
  const Result<uint64_t> parsed = parse(text);
  if (!parsed) return fail_with(ExitCode::kUsage, "{}: {}", option, parsed.error().message);
  value = static_cast<T>(*parsed);
  if (value != *parsed) return fail_with(ExitCode::kUsage, "{} {}: that is too much", option, text);
  return {};
}

Result<synth::ItchPcapOptions> pcap_options(const SynthArguments& arguments) {
  synth::ItchPcapOptions options;
  TD_TRY(read("--messages", core::parse_count, arguments.messages, options.messages));
  TD_TRY(read("--mean-rate", core::parse_count, arguments.mean_rate, options.mean_rate));
  if (!arguments.symbols.empty()) {
    TD_TRY(read("--symbols", core::parse_count, arguments.symbols, options.symbols));
    if (options.symbols == 0) return fail_with(ExitCode::kUsage, "--symbols 0: a session has at least one symbol");
  }
  options.zipf = arguments.zipf;
  options.seed = arguments.seed;
  return options;
}

Result<synth::FixedTapeOptions> tape_options(const SynthArguments& arguments) {
  synth::FixedTapeOptions options;
  TD_TRY(read("--fixed", core::parse_bytes, arguments.fixed, options.payload_bytes));
  TD_TRY(read("--messages", core::parse_count, arguments.messages, options.messages));
  TD_TRY(read("--mean-rate", core::parse_count, arguments.mean_rate, options.mean_rate));
  TD_TRY(read("--topics", core::parse_count, arguments.topics, options.topics));
  TD_TRY(read("--block-size", core::parse_bytes, arguments.block_size, options.tape.block_bytes));
  TD_TRY(read("--segment-size", core::parse_bytes, arguments.segment_size, options.tape.segment_bytes));
  options.tape.codec = *tape::codec_named(arguments.codec);
  options.tape.lanes = arguments.lanes;
  options.zipf = arguments.zipf_given ? arguments.zipf : 0;
  options.seed = arguments.seed;
  return options;
}

Result<synth::Report> generate(const SynthArguments& arguments) {
  const core::StopFlag& stop = core::stop_on_signals();
  const bool fixed = !arguments.fixed.empty();
  const auto kind = fixed ? synth::Output::Kind::kTape : synth::Output::Kind::kFile;
  TD_ASSIGN(synth::Output output, synth::Output::begin(arguments.output, kind, arguments.replace));
  synth::Report report;
  if (fixed) {
    TD_ASSIGN(const synth::FixedTapeOptions options, tape_options(arguments));
    TD_ASSIGN(report, write_fixed_tape(output.unfinished(), options, stop));
  } else {
    TD_ASSIGN(const synth::ItchPcapOptions options, pcap_options(arguments));
    TD_ASSIGN(report, write_itch_pcap(output.unfinished(), options, stop));
  }
  TD_TRY(output.finish());
  return report;
}

void print(const SynthArguments& arguments, const synth::Report& report, double seconds) {
  const char* const names = arguments.fixed.empty() ? "symbols" : "topics";
  const double messages_per_s = static_cast<double>(report.messages) / std::max(seconds, 1e-9);
  if (arguments.json) {
    nlohmann::ordered_json json;
    json["output"] = arguments.output;
    json["messages"] = report.messages;
    json["packets"] = report.packets;
    json["bytes"] = report.bytes;
    json[names] = report.names;
    json["seconds"] = seconds;
    json["messages_per_s"] = messages_per_s;
    fmt::print("{}\n", json.dump());
    return;
  }
  const std::string packets =
      report.packets == 0 ? "" : fmt::format(" in {} packets", core::format_count(report.packets));
  fmt::print("{}: {} messages{}, {} {}, {}; made in {} ({})\n", arguments.output, core::format_count(report.messages),
             packets, core::format_count(report.names), names, core::format_bytes(report.bytes),
             core::format_duration(static_cast<int64_t>(seconds * 1e9)), core::format_rate(messages_per_s));
}

ExitCode run(const SynthArguments& arguments) {
  const int64_t start_ns = core::system_clock().monotonic_ns();
  const Result<synth::Report> report = generate(arguments);
  if (!report) return tools::report(report.error());
  print(arguments, *report, static_cast<double>(core::system_clock().monotonic_ns() - start_ns) * 1e-9);
  return ExitCode::kOk;
}

// Options that only one of the two outputs has.
void add_session_options(CLI::App& command, SynthArguments& arguments, CLI::Option* fixed) {
  command.add_option("--symbols", arguments.symbols, "Symbols of the session; by default 1000, fewer in a small one")
      ->excludes(fixed);
}

void add_tape_options(CLI::App& command, SynthArguments& arguments, CLI::Option* fixed) {
  command.add_option("--topics", arguments.topics, "Topics, fixed/T0001 and so on")
      ->needs(fixed)
      ->capture_default_str();
  command.add_option("--lanes", arguments.lanes, "Lanes of the tape")->needs(fixed)->capture_default_str();
  command.add_option("--block-size", arguments.block_size, "A block is full at this size")
      ->needs(fixed)
      ->capture_default_str();
  command.add_option("--segment-size", arguments.segment_size, "A segment is full at this size")
      ->needs(fixed)
      ->capture_default_str();
  command.add_option("--codec", arguments.codec, "Compression of the blocks")
      ->check(CLI::IsMember(tape::codec_names()))
      ->needs(fixed)
      ->capture_default_str();
}

}  // namespace

void add_synth(CLI::App& program, core::ExitCode& exit) {
  auto arguments = std::make_shared<SynthArguments>();
  CLI::App* const command = program.add_subcommand(
      "synth", "Make up a session of an exchange (MoldUDP64 and ITCH 5.0, as a pcap file) or a tape of plain messages");
  command->add_option("-o,--output", arguments->output, "The file to write, or with --fixed the tape")
      ->required()
      ->type_name("FILE");
  command->add_option("--messages", arguments->messages, "How many, exactly; 2M is two million")->capture_default_str();
  command->add_option("--seed", arguments->seed, "Same seed, same bytes")->capture_default_str();
  command->add_option("--mean-rate", arguments->mean_rate, "Messages a second of capture time")->capture_default_str();
  CLI::Option* const zipf = command->add_option(
      "--zipf", arguments->zipf, "How uneven symbols or topics are: 0 is even; by default 1, with --fixed 0");
  CLI::Option* const fixed =
      command->add_option("--fixed", arguments->fixed, "Make a tape of messages of this SIZE")->type_name("SIZE");
  add_session_options(*command, *arguments, fixed);
  add_tape_options(*command, *arguments, fixed);
  command->add_flag("--force", arguments->replace, "Replace the output if it exists");
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command->callback([arguments, zipf, &exit] {
    arguments->zipf_given = zipf->count() > 0;
    exit = run(*arguments);
  });
}

}  // namespace tapedeck::tools
