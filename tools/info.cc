// `tapedeck info`: what a tape holds, from its manifest and indexes; with --digest, from its records.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"
#include "engine/tape/codec.h"
#include "engine/tape/verify.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::string tape;
  bool json = false;
  bool digest = false;
};

Json summarize(const tape::TapeReader& tape, const std::string& digest) {
  const tape::LaneSummary& totals = tape.totals();
  Json json = {{"tape", tape.path().string()},
               {"id", tape::format_tape_id(tape.id())},
               {"created_ns", tape.manifest().created.value},
               {"sealed", tape.manifest().sealed},
               {"codec", tape::codec_name(tape.manifest().codec)},
               {"records", totals.records},
               {"topics", tape.manifest().topics},
               {"lanes", tape.lanes().size()},
               {"segments", totals.segments},
               {"blocks", totals.blocks},
               {"bytes", totals.bytes},
               {"payload_bytes", totals.payload_bytes},
               {"first_time_ns", totals.time_min_ns},
               {"last_time_ns", totals.time_max_ns},
               {"gaps", tape.manifest().gaps},
               {"messages_lost", tape.manifest().messages_lost},
               {"sources", Json::array()}};
  for (const tape::SourceSummary& source : tape.manifest().sources) {
    json["sources"].push_back({{"name", source.name}, {"protocol", source.protocol}});
  }
  if (!digest.empty()) json["digest"] = digest;
  return json;
}

void print_for_people(const tape::TapeReader& tape, const std::string& digest) {
  const tape::LaneSummary& totals = tape.totals();
  const tape::Manifest& manifest = tape.manifest();
  fmt::print("tape      {}\n", tape.path().string());
  fmt::print("id        {}, {}\n", tape::format_tape_id(tape.id()), manifest.sealed ? "sealed" : "not sealed");
  fmt::print("records   {} in {} topics, {} of payload\n", core::format_count(totals.records),
             core::format_count(manifest.topics), core::format_bytes(totals.payload_bytes));
  fmt::print("stored    {} in {} lanes, {} segments, {} blocks; codec {}\n", core::format_bytes(totals.bytes),
             tape.lanes().size(), totals.segments, core::format_count(totals.blocks), tape::codec_name(manifest.codec));
  if (totals.records > 0) {
    fmt::print("captured  {} to {} ({})\n", core::format_time(core::Nanos(totals.time_min_ns)),
               core::format_time(core::Nanos(totals.time_max_ns)),
               core::format_duration(static_cast<int64_t>(totals.time_max_ns - totals.time_min_ns)));
  }
  fmt::print("losses    {} entries in the ledger, {} messages\n", core::format_count(manifest.gaps),
             core::format_count(manifest.messages_lost));
  for (const tape::SourceSummary& source : manifest.sources) {
    fmt::print("source    {} ({})\n", source.name, source.protocol);
  }
  if (!digest.empty()) fmt::print("digest    {}\n", digest);
}

core::Result<core::ExitCode> run(const InfoOptions& options) {
  TD_ASSIGN(const tape::TapeReader tape, tape::TapeReader::open(options.tape));
  std::vector<tape::DamageReport> damage = tape.damage();
  std::string digest;
  if (options.digest) digest = tape::tape_digest(tape::compute_digests(tape, damage));
  if (options.json) {
    fmt::print("{}\n", summarize(tape, digest).dump(2));
  } else {
    print_for_people(tape, digest);
  }
  for (const tape::DamageReport& part : damage) fmt::print(stderr, "damaged: {}\n", tape::to_sentence(part));
  return damage.empty() ? core::ExitCode::kOk : core::ExitCode::kDamaged;
}

}  // namespace

void add_info(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command = program.add_subcommand("info", "Says what a tape holds, without reading its records");
  command->add_option("TAPE", options->tape, "The tape (a directory)")->required();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->add_flag("--digest", options->digest, "Read all records and give their digest");
  command->callback([options, &exit] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
