#include "engine/transport/session.h"

#include "engine/transport/json_message.h"

namespace tapedeck::transport {
namespace {

Json base(std::string_view type) { return {{"version", kProtocolVersion}, {"type", type}}; }

Json to_json(const Hello& m) {
  Json json = base("hello");
  json.update({{"publisher", m.publisher}, {"name", m.name}, {"window_bytes", m.window_bytes}});
  return json;
}

Json to_json(const Progress& m) {
  Json json = base("progress");
  json.update({{"records", m.records}, {"sent_ns", m.sent_ns}, {"lost", m.lost}, {"idle", m.is_idle}});
  return json;
}

Json to_json(const Pong& m) {
  Json json = base("pong");
  json.update({{"progress_sent_ns", m.progress_sent_ns}, {"received_ns", m.received_ns}, {"sent_ns", m.sent_ns}});
  return json;
}

Json to_json(const Welcome& m) {
  Json json = base("welcome");
  json.update({{"publisher", m.publisher}});
  return json;
}

Json to_json(const Verdict& m) {
  Json json = base("verdict");
  json.update({{"equal", m.equal}, {"sentence", m.sentence}});
  return json;
}

Json to_json(const Receipt& r) {
  Json json = base("receipt");
  json.update({{"subscriber", r.subscriber},
               {"complete", r.complete},
               {"problem", r.problem},
               {"records", r.records},
               {"record_bytes", r.record_bytes},
               {"frames", r.frames},
               {"gaps", r.gaps},
               {"records_lost", r.records_lost},
               {"damaged_blocks", r.damaged_blocks},
               {"repeated_records", r.repeated_records},
               {"bad_frames", r.bad_frames},
               {"late_p50_ns", r.late_p50_ns},
               {"late_p99_ns", r.late_p99_ns},
               {"late_max_ns", r.late_max_ns}});
  Json lanes = Json::array();
  for (const auto& [lane, digest] : r.lanes) lanes.push_back({lane.value, digest.records, digest.crc});
  json["lanes"] = lanes;
  Json begins_at = Json::array();
  for (const auto& [lane, sequence] : r.begins_at) begins_at.push_back({lane.value, sequence});
  json["begins_at"] = begins_at;
  return json;
}

Receipt receipt_from(const Json& json) {
  Receipt r;
  json.at("subscriber").get_to(r.subscriber);
  json.at("complete").get_to(r.complete);
  json.at("problem").get_to(r.problem);
  core::read_integer(json.at("records"), r.records);
  core::read_integer(json.at("record_bytes"), r.record_bytes);
  core::read_integer(json.at("frames"), r.frames);
  core::read_integer(json.at("gaps"), r.gaps);
  core::read_integer(json.at("records_lost"), r.records_lost);
  core::read_integer(json.at("damaged_blocks"), r.damaged_blocks);
  core::read_integer(json.at("repeated_records"), r.repeated_records);
  core::read_integer(json.at("bad_frames"), r.bad_frames);
  core::read_integer(json.at("late_p50_ns"), r.late_p50_ns);
  core::read_integer(json.at("late_p99_ns"), r.late_p99_ns);
  core::read_integer(json.at("late_max_ns"), r.late_max_ns);
  for (const Json& lane : json.at("lanes")) {
    r.lanes[core::Lane(core::integer<uint16_t>(lane.at(0)))] = {.records = core::integer<uint64_t>(lane.at(1)),
                                                                .crc = core::integer<uint32_t>(lane.at(2))};
  }
  for (const Json& lane : json.at("begins_at")) {
    r.begins_at[core::Lane(core::integer<uint16_t>(lane.at(0)))] = core::integer<uint64_t>(lane.at(1));
  }
  return r;
}

core::Result<SessionMessage> message_from(const Json& json) {
  const auto type = json.at("type").get<std::string>();
  if (type == "hello") {
    return Hello{core::integer<uint64_t>(json.at("publisher")), json.at("name").get<std::string>(),
                 core::integer<uint64_t>(json.at("window_bytes"))};
  }
  if (type == "progress") {
    return Progress{core::integer<uint64_t>(json.at("records")), core::integer<int64_t>(json.at("sent_ns")),
                    core::integer<uint64_t>(json.at("lost")), json.at("idle").get<bool>()};
  }
  if (type == "pong") {
    return Pong{core::integer<int64_t>(json.at("progress_sent_ns")), core::integer<int64_t>(json.at("received_ns")),
                core::integer<int64_t>(json.at("sent_ns"))};
  }
  if (type == "welcome") return Welcome{core::integer<uint64_t>(json.at("publisher"))};
  if (type == "verdict") return Verdict{json.at("equal").get<bool>(), json.at("sentence").get<std::string>()};
  if (type == "receipt") return receipt_from(json);
  return core::fail("unknown session message '{}'", type);
}

}  // namespace

std::string encode(const SessionMessage& message) {
  return to_text(std::visit([](const auto& m) { return to_json(m); }, message));
}

core::Result<SessionMessage> decode_session_message(core::Bytes bytes) {
  return parse_json<SessionMessage>(bytes, message_from);
}

}  // namespace tapedeck::transport
