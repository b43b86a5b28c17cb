#include "engine/transport/in_band.h"

#include "engine/tape/format.h"
#include "engine/transport/json_message.h"

namespace tapedeck::transport {
namespace {

using core::fail;

Message with_prefix(std::string_view prefix) {
  Message message;
  core::append_bytes(message, core::as_bytes(prefix));
  return message;
}

Message with_json(std::string_view prefix, const Json& json) {
  Message message = with_prefix(prefix);
  core::append_bytes(message, core::as_bytes(to_text(json)));
  return message;
}

core::Result<core::Bytes> body_after(std::string_view prefix, core::Bytes message) {
  if (!core::as_text(message).starts_with(prefix)) return fail("no {} message", prefix);
  return message.subspan(prefix.size());
}

core::Result<Wire> parse_wire(std::string_view name) {
  for (const Wire wire : {Wire::kPacked, Wire::kPlain}) {
    if (name == wire_name(wire)) return wire;
  }
  return fail("wire '{}', which this program does not know", name);
}

}  // namespace

std::string_view wire_name(Wire wire) { return wire == Wire::kPlain ? "plain" : "packed"; }

Message encode(const Announcement& a) {
  return with_json(kAnnouncementPrefix, {{"version", kProtocolVersion},
                                         {"publisher", a.publisher},
                                         {"tape", a.tape.value},
                                         {"tape_name", a.tape_name},
                                         {"session_endpoint", a.session_endpoint},
                                         {"shard", a.shard},
                                         {"endpoints", a.endpoints},
                                         {"records", a.records},
                                         {"batch_bytes", a.batch_bytes},
                                         {"paced", a.paced},
                                         {"wire", wire_name(a.wire)},
                                         {"source_times", a.source_times}});
}

core::Result<Announcement> decode_announcement(core::Bytes message) {
  TD_ASSIGN(const core::Bytes body, body_after(kAnnouncementPrefix, message));
  TD_ASSIGN(Announcement announcement,
            parse_json<Announcement>(body, [](const Json& json) -> core::Result<Announcement> {
              TD_ASSIGN(const Wire wire, parse_wire(json.at("wire").get<std::string>()));
              return Announcement{.publisher = core::integer<uint64_t>(json.at("publisher")),
                                  .tape = core::TapeId(core::integer<uint64_t>(json.at("tape"))),
                                  .tape_name = json.at("tape_name").get<std::string>(),
                                  .session_endpoint = json.at("session_endpoint").get<std::string>(),
                                  .shard = core::integer<uint32_t>(json.at("shard")),
                                  .endpoints = json.at("endpoints").get<std::vector<std::string>>(),
                                  .records = core::integer<uint64_t>(json.at("records")),
                                  .batch_bytes = core::integer<uint32_t>(json.at("batch_bytes")),
                                  .paced = json.at("paced").get<bool>(),
                                  .wire = wire,
                                  .source_times = json.at("source_times").get<bool>()};
            }));
  if (announcement.shard >= announcement.endpoints.size()) {
    return fail("shard {} of {}", announcement.shard, announcement.endpoints.size());
  }
  return announcement;
}

Message encode(const EndOfTape& end) {
  Json lanes = Json::array();
  for (const auto& [lane, records] : end.records_sent) lanes.push_back({lane.value, records});
  return with_json(kEndPrefix, {{"version", kProtocolVersion},
                                {"publisher", end.publisher},
                                {"shard", end.shard},
                                {"interrupted", end.interrupted},
                                {"records_sent", lanes}});
}

core::Result<EndOfTape> decode_end(core::Bytes message) {
  TD_ASSIGN(const core::Bytes body, body_after(kEndPrefix, message));
  return parse_json<EndOfTape>(body, [](const Json& json) {
    EndOfTape end{.publisher = core::integer<uint64_t>(json.at("publisher")),
                  .shard = core::integer<uint32_t>(json.at("shard")),
                  .interrupted = json.at("interrupted").get<bool>(),
                  .records_sent = {}};
    for (const Json& lane : json.at("records_sent")) {
      end.records_sent[core::Lane(core::integer<uint16_t>(lane.at(0)))] = core::integer<uint64_t>(lane.at(1));
    }
    return end;
  });
}

// Binary, for there may be many names: tape id u64, count u32, then for each topic its lane u16, and of its name the
// length as a varint and the bytes.
Message encode(const Dictionary& dictionary) {
  Message message = with_prefix(kDictionaryPrefix);
  core::append_le(message, dictionary.tape.value);
  core::append_le(message, static_cast<uint32_t>(dictionary.names.size()));
  for (size_t i = 0; i < dictionary.names.size(); ++i) {
    const std::string& name = dictionary.names[i];
    core::append_le(message, (i < dictionary.lanes.size() ? dictionary.lanes[i] : kLaneUnknown).value);
    core::append_varint(message, name.size());
    core::append_bytes(message, core::as_bytes(name));
  }
  return message;
}

core::Result<Dictionary> decode_dictionary(core::Bytes message) {
  TD_ASSIGN(const core::Bytes body, body_after(kDictionaryPrefix, message));
  core::ByteReader reader(body);
  Dictionary dictionary;
  dictionary.tape = core::TapeId(reader.le<uint64_t>());
  const auto count = reader.le<uint32_t>();
  if (count > tape::kTopicsMax) return fail("dictionary of {} names, more than a tape has", count);
  if (count > reader.remaining()) return fail("dictionary of {} names in {} bytes", count, body.size());
  dictionary.names.reserve(count);
  dictionary.lanes.reserve(count);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    dictionary.lanes.emplace_back(reader.le<uint16_t>());
    dictionary.names.emplace_back(core::as_text(reader.take(reader.varint())));
  }
  if (!reader.at_end()) return fail("dictionary of another length than its names");
  return dictionary;
}

}  // namespace tapedeck::transport
