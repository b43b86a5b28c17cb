// `tapedeck verify`: reads every byte of a tape and names what is damaged.
#include "engine/tape/verify.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"
#include "tools/commands.h"
#include "tools/damage_json.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyOptions {
  std::string tape;
  bool json = false;
};

void print_json(const tape::Verification& result) {
  Json json = {{"clean", result.clean()},
               {"blocks", result.blocks},
               {"records", result.records},
               {"damaged_blocks", result.damaged_blocks},
               {"records_lost", result.records_lost},
               {"digest", tape::tape_digest(result.digests)},
               {"damage", Json::array()}};
  for (const tape::DamageReport& part : result.damage) json["damage"].push_back(damage_json(part));
  fmt::print("{}\n", json.dump(2));
}

void print_for_people(const tape::Verification& result) {
  for (const tape::DamageReport& part : result.damage) fmt::print("damaged: {}\n", tape::to_sentence(part));
  fmt::print("{}: {} records in {} sound blocks, digest {}; {} damaged blocks, {} records lost\n",
             result.clean() ? "clean" : "DAMAGED", core::format_count(result.records),
             core::format_count(result.blocks), tape::tape_digest(result.digests), result.damaged_blocks,
             core::format_count(result.records_lost));
}

core::Result<core::ExitCode> run(const VerifyOptions& options) {
  TD_ASSIGN(const tape::TapeReader tape, tape::TapeReader::open(options.tape));
  TD_ASSIGN(const tape::Verification result, tape::verify(tape));
  options.json ? print_json(result) : print_for_people(result);
  return result.clean() ? core::ExitCode::kOk : core::ExitCode::kDamaged;
}

}  // namespace

void add_verify(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = program.add_subcommand("verify", "Reads every byte of a tape; exit code 3 on any damaged one");
  command->add_option("TAPE", options->tape, "The tape (a directory)")->required();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &exit] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
