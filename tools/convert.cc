// `tapedeck convert`: writes a tape again with another codec or block size. The new tape stands under its name only
// when it is whole and has been read back with the digest of the old one.
#include "engine/tape/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"
#include "engine/tape/codec.h"
#include "tools/commands.h"
#include "tools/progress_bar.h"
#include "tools/synth/output.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct ConvertArguments {
  std::string input;
  std::string output;
  std::string codec;  // empty: that of the input
  std::string block_size = "1MiB";
  bool replace = false;
  bool json = false;
};

core::Result<tape::ConvertOptions> to_options(const ConvertArguments& arguments) {
  tape::ConvertOptions options;
  options.codec = tape::codec_named(arguments.codec);
  TD_ASSIGN(const uint64_t block_bytes, core::parse_bytes(arguments.block_size));
  options.block_bytes = static_cast<uint32_t>(std::min<uint64_t>(block_bytes, std::numeric_limits<uint32_t>::max()));
  return options;
}

std::string to_text(const tape::ConvertProgress& progress) {
  return fmt::format("{} {} of {} records {}",
                     ProgressBar::bar(progress.records, std::max<uint64_t>(progress.records_total, 1)),
                     core::format_count(progress.records), core::format_count(progress.records_total),
                     progress.reads_back ? "read back" : "converted");
}

core::Result<tape::Conversion> convert(const tape::TapeReader& input, const ConvertArguments& arguments,
                                       const core::StopFlag& stop) {
  TD_ASSIGN(const tape::ConvertOptions options, to_options(arguments));
  TD_ASSIGN(synth::Output output,
            synth::Output::begin(arguments.output, synth::Output::Kind::kTape, arguments.replace));
  const auto converted = [&] {
    const ProgressBar bar;
    return tape::convert(input, output.unfinished(), options, stop,
                         [&bar](const tape::ConvertProgress& progress) { bar.draw(to_text(progress)); });
  }();
  TD_ASSIGN(tape::Conversion conversion, converted);
  TD_TRY(output.finish());
  return conversion;
}

struct Sums {
  uint64_t records = 0;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};

Sums sums_of(const tape::Manifest& manifest) {
  Sums sums;
  for (const tape::LaneSummary& lane : manifest.lanes) {
    sums.records += lane.records;
    sums.blocks += lane.blocks;
    sums.bytes += lane.bytes;
  }
  return sums;
}

void print(const tape::TapeReader& input, const ConvertArguments& arguments, const tape::Conversion& conversion,
           int64_t elapsed_ns) {
  const tape::Manifest& manifest = conversion.manifest;
  const Sums sums = sums_of(manifest);
  const double seconds = static_cast<double>(std::max<int64_t>(elapsed_ns, 1)) * 1e-9;
  const double records_per_s = static_cast<double>(sums.records) / seconds;
  if (arguments.json) {
    const Json json = {{"tape", arguments.output},
                       {"id", tape::format_tape_id(manifest.id)},
                       {"converted_from", tape::format_tape_id(input.id())},
                       {"codec", tape::codec_name(manifest.codec)},
                       {"records", sums.records},
                       {"blocks", sums.blocks},
                       {"bytes_before", input.totals().bytes},
                       {"bytes", sums.bytes},
                       {"digest_before", conversion.digest},
                       {"digest", conversion.digest_read_back},
                       {"seconds", seconds},
                       {"records_per_s", records_per_s}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("{}: {} records in {} blocks, codec {}, {} instead of {}; took {} ({})\n", arguments.output,
             core::format_count(sums.records), core::format_count(sums.blocks), tape::codec_name(manifest.codec),
             core::format_bytes(sums.bytes), core::format_bytes(input.totals().bytes),
             core::format_duration(elapsed_ns), core::format_rate(records_per_s));
  fmt::print("digest {} as read, {} as written and read back\n", conversion.digest, conversion.digest_read_back);
}

core::Result<core::ExitCode> run(const ConvertArguments& arguments) {
  const core::StopFlag& stop = core::stop_on_signals();
  const int64_t started_ns = core::system_clock().monotonic_ns();
  TD_ASSIGN(const tape::TapeReader input, tape::TapeReader::open(arguments.input, {.lock = true}));
  TD_ASSIGN(const tape::Conversion conversion, convert(input, arguments, stop));
  print(input, arguments, conversion, core::system_clock().monotonic_ns() - started_ns);
  for (const tape::DamageReport& part : conversion.damage) {
    fmt::print(stderr, "damaged: {}\n", tape::to_sentence(part));
  }
  return conversion.damage.empty() ? core::ExitCode::kOk : core::ExitCode::kDamaged;
}

}  // namespace

void add_convert(CLI::App& program, core::ExitCode& exit) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = program.add_subcommand("convert", "Writes a tape again with another codec or block size");
  command->add_option("TAPE", arguments->input, "The tape to read (a directory)")->required();
  command->add_option("-o,--output", arguments->output, "The tape to make")->required();
  command->add_option("--codec", arguments->codec, "Compression of blocks; by default that of TAPE")
      ->check(CLI::IsMember(tape::codec_names()));
  command->add_option("--block-size,--block-bytes", arguments->block_size, "Size at which a block is sealed")
      ->capture_default_str();
  command->add_flag("--force", arguments->replace, "Replace the output if it exists");
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command->callback([arguments, &exit] {
    const auto result = run(*arguments);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
