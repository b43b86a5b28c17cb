#include "engine/transport/session.h"

#include "engine/transport/json_message.h"

namespace tapedeck::transport {
namespace {

Json base(std::string_view type) { return {{"version", kProtocolVersion}, {"type", type}}; }

Json to_json(const Hello& m) {
  Json json = base("hello");
  json.update({{"publisher", m.publisher}, {"name", m.name}});
  return json;
}

Json to_json(const Progress& m) {
  Json json = base("progress");
  json.update({{"records", m.records}, {"sent_ns", m.sent_ns}});
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
               {"late_p50_ns", r.late_p50_ns},
               {"late_p99_ns", r.late_p99_ns},
               {"late_max_ns", r.late_max_ns}});
  Json lanes = Json::array();
  for (const auto& [lane, digest] : r.lanes) lanes.push_back({lane.value, digest.records, digest.crc});
  json["lanes"] = lanes;
  return json;
}

Receipt receipt_from(const Json& json) {
  Receipt r;
  json.at("subscriber").get_to(r.subscriber);
  json.at("complete").get_to(r.complete);
  json.at("problem").get_to(r.problem);
  json.at("records").get_to(r.records);
  json.at("record_bytes").get_to(r.record_bytes);
  json.at("frames").get_to(r.frames);
  json.at("gaps").get_to(r.gaps);
  json.at("records_lost").get_to(r.records_lost);
  json.at("damaged_blocks").get_to(r.damaged_blocks);
  json.at("repeated_records").get_to(r.repeated_records);
  json.at("late_p50_ns").get_to(r.late_p50_ns);
  json.at("late_p99_ns").get_to(r.late_p99_ns);
  json.at("late_max_ns").get_to(r.late_max_ns);
  for (const Json& lane : json.at("lanes")) {
    r.lanes[core::Lane(lane.at(0).get<uint16_t>())] = {.records = lane.at(1).get<uint64_t>(),
                                                       .crc = lane.at(2).get<uint32_t>()};
  }
  return r;
}

core::Result<SessionMessage> message_from(const Json& json) {
  const auto type = json.at("type").get<std::string>();
  if (type == "hello") {
    return Hello{json.at("publisher").get<uint64_t>(), json.at("name").get<std::string>()};
  }
  if (type == "progress") {
    return Progress{json.at("records").get<uint64_t>(), json.at("sent_ns").get<int64_t>()};
  }
  if (type == "pong") {
    return Pong{json.at("progress_sent_ns").get<int64_t>(), json.at("received_ns").get<int64_t>(),
                json.at("sent_ns").get<int64_t>()};
  }
  if (type == "welcome") return Welcome{json.at("publisher").get<uint64_t>()};
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
