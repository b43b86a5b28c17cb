// `tapedeck recover`: makes a tape whole again after a crash or damage.
#include "engine/tape/recover.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"
#include "tools/commands.h"
#include "tools/damage_json.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

struct RecoverOptions {
  std::string tape;
  bool json = false;
};

void print_json(const std::string& tape, const tape::Recovery& result) {
  const tape::Verification& now = result.verification;
  Json json = {{"tape", tape},
               {"clean", now.clean()},
               {"blocks", now.blocks},
               {"records", now.records},
               {"damaged_blocks", now.damaged_blocks},
               {"records_lost", now.records_lost},
               {"digest", tape::tape_digest(now.digests)},
               {"repairs", Json::array()},
               {"damage", Json::array()}};
  for (const tape::Repair& repair : result.repairs) {
    json["repairs"].push_back({{"file", repair.file.string()}, {"what", repair.what}});
  }
  for (const tape::DamageReport& part : result.damage) json["damage"].push_back(damage_json(part));
  fmt::print("{}\n", json.dump(2));
}

void print_for_people(const tape::Recovery& result) {
  const tape::Verification& now = result.verification;
  for (const tape::DamageReport& part : result.damage) fmt::print("damaged: {}\n", tape::to_sentence(part));
  fmt::print("{}: {} records in {} sound blocks, digest {}; {} damaged blocks, {} records lost\n",
             !now.clean()             ? "STILL DAMAGED"
             : result.repairs.empty() ? "sound, nothing to do"
                                      : "recovered",
             core::format_count(now.records), core::format_count(now.blocks), tape::tape_digest(now.digests),
             now.damaged_blocks, core::format_count(now.records_lost));
}

core::Result<core::ExitCode> run(const RecoverOptions& options) {
  const auto announce = [](const tape::Repair& repair) {
    fmt::print(stderr, "{}: {}\n", repair.file.string(), repair.what);
  };
  TD_ASSIGN(const tape::Recovery result, tape::recover(options.tape, announce));
  options.json ? print_json(options.tape, result) : print_for_people(result);
  return result.damage.empty() ? core::ExitCode::kOk : core::ExitCode::kDamaged;
}

}  // namespace

void add_recover(CLI::App& program, core::ExitCode& exit) {
  auto options = std::make_shared<RecoverOptions>();
  CLI::App* command = program.add_subcommand("recover", "Makes a tape whole again after a crash, and verifies it");
  command->add_option("TAPE", options->tape, "The tape (a directory)")->required();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Keeps every block that was written whole; of a tape whose recorder was killed, cuts off what was not. Says on\n"
      "standard error what it changes, before it does. Exit code 0: the tape is sound, or all that had been written "
      "is\n"
      "restored. 3: something that had been written was damaged or missing; what could be restored has been.");
  command->callback([options, &exit] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
