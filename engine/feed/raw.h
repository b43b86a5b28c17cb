// Takes every payload for one message, in the topic and lane of the flow's destination: what is done with protocols
// that nobody recognises, and with all when asked to. One thread; header only, as there is nothing to it.
#pragma once

#include "engine/feed/decoder.h"

namespace tapedeck::feed {

class RawDecoder final : public Decoder {
 public:
  RawDecoder(std::string_view feed, TopicBook& book) : Decoder(Protocol::kRaw, feed, book) {}

  [[nodiscard]] Fit examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const override {
    head = {{}, 0, 1};
    messages.assign(1, {.bytes = payload, .place = {}});
    return Fit::kFraming;
  }
  void decode(const Datagram&, Flow& flow, std::span<Message> messages) override {
    messages.front().place = place_of_flow(flow);
  }
  [[nodiscard]] std::string session_text(const SessionId&) const override { return {}; }
};

}  // namespace tapedeck::feed
