#include "engine/feed/decoder.h"

namespace tapedeck::feed {

std::string_view protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kItch50: return "itch50";
    case Protocol::kIexTp: return "iextp";
    case Protocol::kRaw: return "raw";
  }
  return "unknown";
}

std::optional<Protocol> protocol_of(std::string_view name) {
  for (const Protocol protocol : {Protocol::kItch50, Protocol::kIexTp, Protocol::kRaw}) {
    if (protocol_name(protocol) == name) return protocol;
  }
  return std::nullopt;
}

TopicPlace Decoder::place_of_flow(Flow& flow, std::string_view name) const {
  std::optional<TopicPlace>& place = flow.places[static_cast<size_t>(protocol_)];
  if (!place) place = book_.keyed(feed_, name, DestinationKey(flow.key).bytes());
  return *place;
}

TopicPlace Decoder::place_of_flow(Flow& flow) const {
  const std::optional<TopicPlace>& place = flow.places[static_cast<size_t>(protocol_)];
  return place ? *place : place_of_flow(flow, destination_text(flow.key));
}

}  // namespace tapedeck::feed
