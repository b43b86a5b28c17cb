#include "replay/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"

namespace tapedeck::replay {
namespace {

using Json = nlohmann::ordered_json;

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAsAsked: return "as-asked";
    case Verdict::kLate: return "late";
    case Verdict::kIncomplete: return "incomplete";
  }
  return "";
}

Json to_json(const Participant& participant) {
  Json json = {{"subscriber", participant.name},
               {"equal", participant.equal},
               {"dead", participant.dead},
               {"verdict", participant.verdict}};
  if (!participant.receipt) {
    json["complete"] = false;
    json["records"] = participant.records;
    return json;
  }
  const transport::Receipt& receipt = *participant.receipt;
  json["complete"] = receipt.complete;
  json["records"] = receipt.records;
  json["record_bytes"] = receipt.record_bytes;
  json["frames"] = receipt.frames;
  json["gaps"] = receipt.gaps;
  json["records_lost"] = receipt.records_lost;
  json["damaged_blocks"] = receipt.damaged_blocks;
  json["repeated_records"] = receipt.repeated_records;
  json["bad_frames"] = receipt.bad_frames;
  json["digest"] = receipt.digest();
  json["late_p50_ns"] = receipt.late_p50_ns;
  json["late_p99_ns"] = receipt.late_p99_ns;
  json["late_max_ns"] = receipt.late_max_ns;
  return json;
}

std::string sentence_of(const Participant& participant) {
  if (participant.receipt) {
    return fmt::format("{}: {} records, digest {}: {}", participant.name,
                       core::format_count(participant.receipt->records), participant.receipt->digest(),
                       participant.verdict);
  }
  return fmt::format("{}: no receipt; last heard at {} records{}", participant.name,
                     core::format_count(participant.records), participant.dead ? ", then nothing: it died" : "");
}

}  // namespace

bool Report::all_proved() const {
  const auto equal = [](const Participant& p) { return p.equal; };
  return participants.size() >= subscribers_asked && std::all_of(participants.begin(), participants.end(), equal);
}

Verdict Report::verdict(int64_t late_limit_ns) const {
  if (interrupted || !damage.empty() || !all_proved()) return Verdict::kIncomplete;
  if (!rate_asked) return Verdict::kAsAsked;
  const bool slow = overtime_ns > late_limit_ns;
  const bool late = pacing.quantile(0.99) > static_cast<uint64_t>(late_limit_ns);
  return slow || late || slipped_ns > 0 ? Verdict::kLate : Verdict::kAsAsked;
}

core::ExitCode exit_code(const Report& report, int64_t late_limit_ns) {
  if (report.interrupted) return core::ExitCode::kInterrupted;
  switch (report.verdict(late_limit_ns)) {
    case Verdict::kAsAsked: return core::ExitCode::kOk;
    case Verdict::kLate: return core::ExitCode::kLate;
    case Verdict::kIncomplete: return core::ExitCode::kDamaged;
  }
  return core::ExitCode::kFailed;
}

std::string to_json(const Report& report, int64_t late_limit_ns) {
  const double seconds = std::max(report.seconds, 1e-9);
  Json json = {{"verdict", verdict_name(report.verdict(late_limit_ns))},
               {"whole_tape", report.whole_tape},
               {"proved", report.all_proved() && !report.participants.empty()},
               {"interrupted", report.interrupted},
               {"tape", report.tape},
               {"endpoint", report.endpoint},
               {"session_endpoint", report.session_endpoint},
               {"shards", report.shards},
               {"records", report.records},
               {"record_bytes", report.record_bytes},
               {"frames", report.frames},
               {"passes", report.passes},
               {"digest", report.digest},
               {"seconds", report.seconds},
               {"messages_per_s", static_cast<double>(report.records) / seconds},
               {"bytes_per_s", static_cast<double>(report.record_bytes) / seconds},
               {"rate_asked", report.rate_asked ? Json(*report.rate_asked) : Json("max")},
               {"rate_reached", report.rate_reached ? Json(*report.rate_reached) : Json(nullptr)},
               {"clock_slipped_ns", report.slipped_ns},
               {"held_back_ns", report.held_back_ns},
               {"receipts", Json::array()},
               {"pacing",
                {{"p50_ns", report.pacing.quantile(0.5)},
                 {"p99_ns", report.pacing.quantile(0.99)},
                 {"p999_ns", report.pacing.quantile(0.999)},
                 {"max_ns", report.pacing.max()}}},
               {"damage", Json::array()}};
  for (const Participant& participant : report.participants) json["receipts"].push_back(to_json(participant));
  for (const tape::DamageReport& part : report.damage) json["damage"].push_back(tape::to_sentence(part));
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Report& report, int64_t late_limit_ns) {
  const double seconds = std::max(report.seconds, 1e-9);
  fmt::memory_buffer out;
  const auto line = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out.push_back('\n');
  };
  for (const tape::DamageReport& part : report.damage) line("damaged: {}", tape::to_sentence(part));
  line("sent      {} records of {} in {:.3f} s: {}, {}/s", core::format_count(report.records), report.tape,
       report.seconds, core::format_rate(static_cast<double>(report.records) / seconds),
       core::format_bytes(static_cast<uint64_t>(static_cast<double>(report.record_bytes) / seconds)));
  line("digest    {}{}", report.digest, report.whole_tape ? ": the whole tape, as `info --digest` gives it" : "");
  if (report.rate_asked && report.rate_reached) {
    line("pace      {:g} times real time asked, {:.4g} reached; records sent late by p50 {}, p99 {}, max {}",
         *report.rate_asked, *report.rate_reached,
         core::format_duration(static_cast<int64_t>(report.pacing.quantile(0.5))),
         core::format_duration(static_cast<int64_t>(report.pacing.quantile(0.99))),
         core::format_duration(static_cast<int64_t>(report.pacing.max())));
  }
  if (report.slipped_ns > 0) line("clock     slowed by {} in all", core::format_duration(report.slipped_ns));
  for (const Participant& participant : report.participants) line("receipt   {}", sentence_of(participant));
  if (report.participants.empty()) line("receipt   none: no subscriber said that it was there, so nothing is proved");
  if (report.participants.size() < report.subscribers_asked) {
    line("receipt   {} subscribers were asked for, {} came", report.subscribers_asked, report.participants.size());
  }
  line("verdict   {}", verdict_name(report.verdict(late_limit_ns)));
  return fmt::to_string(out);
}

}  // namespace tapedeck::replay
