#include "engine/tape/manifest.h"

#include <charconv>

#include "engine/core/crc32c.h"
#include "engine/core/json.h"
#include "engine/tape/codec.h"

namespace tapedeck::tape {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kChecksumKey = "crc32c";
constexpr int kDepthMax = 8;

std::string to_text(const Json& json) { return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n"; }

std::string checksum_of(const Json& without_checksum) {
  return fmt::format("{:08x}", core::crc32c(core::as_bytes(to_text(without_checksum))));
}

std::string_view kind_name(LaneKind kind) {
  switch (kind) {
    case LaneKind::kData: return "data";
    case LaneKind::kReference: return "reference";
    case LaneKind::kPacket: return "packet";
    case LaneKind::kLedger: return "ledger";
  }
  return "unknown";
}

LaneKind kind_of(std::string_view name) {
  for (const LaneKind kind : {LaneKind::kData, LaneKind::kReference, LaneKind::kPacket, LaneKind::kLedger}) {
    if (kind_name(kind) == name) return kind;
  }
  return LaneKind{0};
}

Json to_json(const LaneSummary& lane) {
  return {{"lane", lane.lane.value},
          {"kind", kind_name(lane.kind)},
          {"segments", lane.segments},
          {"blocks", lane.blocks},
          {"records", lane.records},
          {"bytes", lane.bytes},
          {"payload_bytes", lane.payload_bytes},
          {"time_min_ns", lane.time_min_ns},
          {"time_max_ns", lane.time_max_ns}};
}

LaneSummary lane_from(const Json& json) {
  LaneSummary lane;
  lane.lane = Lane(core::integer<uint16_t>(json.at("lane")));
  lane.kind = kind_of(json.at("kind").get<std::string>());
  core::read_integer(json.at("segments"), lane.segments);
  core::read_integer(json.at("blocks"), lane.blocks);
  core::read_integer(json.at("records"), lane.records);
  core::read_integer(json.at("bytes"), lane.bytes);
  core::read_integer(json.at("payload_bytes"), lane.payload_bytes);
  core::read_integer(json.at("time_min_ns"), lane.time_min_ns);
  core::read_integer(json.at("time_max_ns"), lane.time_max_ns);
  return lane;
}

Manifest manifest_from(const Json& json) {
  Manifest m;
  const auto id = json.at("id").get<std::string>();
  std::from_chars(id.data(), id.data() + id.size(), m.id.value, 16);
  m.created = Nanos(core::integer<uint64_t>(json.at("created_ns")));
  m.sealed = json.at("sealed").get<bool>();
  m.codec = codec_named(json.at("codec").get<std::string>()).value_or(Codec::kNone);
  core::read_integer(json.at("lane_count"), m.lane_count);
  core::read_integer(json.at("topics"), m.topics);
  core::read_integer(json.at("gaps"), m.gaps);
  core::read_integer(json.at("messages_lost"), m.messages_lost);
  core::read_integer(json.at("ledger_bytes"), m.ledger_bytes);
  for (const Json& lane : json.at("lanes")) m.lanes.push_back(lane_from(lane));
  for (const Json& source : json.at("sources")) {
    m.sources.push_back({SourceId(core::integer<uint32_t>(source.at("source"))), source.at("name").get<std::string>(),
                         source.at("protocol").get<std::string>()});
  }
  return m;
}

}  // namespace

std::string format_tape_id(TapeId id) { return fmt::format("{:016x}", id.value); }
std::string lane_folder(Lane lane) { return fmt::format("lane-{:04}", lane.value); }
std::string segment_name(uint32_t segment) { return fmt::format("{:06}.seg", segment); }

std::string encode_manifest(const Manifest& m) {
  Json json = {{"tapedeck_tape", kFormatVersion},
               {"id", format_tape_id(m.id)},
               {"created_ns", m.created.value},
               {"sealed", m.sealed},
               {"codec", codec_name(m.codec)},
               {"lane_count", m.lane_count},
               {"topics", m.topics},
               {"gaps", m.gaps},
               {"messages_lost", m.messages_lost},
               {"ledger_bytes", m.ledger_bytes},
               {"lanes", Json::array()},
               {"sources", Json::array()}};
  for (const LaneSummary& lane : m.lanes) json["lanes"].push_back(to_json(lane));
  for (const SourceSummary& source : m.sources) {
    json["sources"].push_back({{"source", source.source.value}, {"name", source.name}, {"protocol", source.protocol}});
  }
  json[kChecksumKey] = checksum_of(json);
  return to_text(json);
}

core::Result<Manifest> decode_manifest(std::string_view text) {
  using core::ExitCode;
  // What is nested deeper than a manifest is dropped, so that no input makes the functions that recurse go deep.
  const auto is_shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= kDepthMax; };
  const Json json = Json::parse(text, is_shallow, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("tapedeck_tape")) {
    return core::fail_with(ExitCode::kDamaged, "it is not the manifest of a tape, or damaged");
  }
  try {
    // The text must be what we would have written, so that a flipped byte of white space is noticed too.
    Json body = json;
    body.erase(std::string(kChecksumKey));
    const bool intact = json.value(kChecksumKey, "") == checksum_of(body) && to_text(json) == text;
    if (json["tapedeck_tape"] != kFormatVersion) {
      return core::fail_with(intact ? ExitCode::kFailed : ExitCode::kDamaged,
                             "it says format version {}, this program reads version {}{}", json["tapedeck_tape"].dump(),
                             kFormatVersion, intact ? "" : "; and its checksum is wrong");
    }
    if (!intact) return core::fail_with(ExitCode::kDamaged, "its checksum is wrong: it was damaged or edited");
    return manifest_from(json);
  } catch (const Json::exception& error) {
    return core::fail_with(ExitCode::kDamaged, "it lacks something: {}", error.what());
  }
}

}  // namespace tapedeck::tape
