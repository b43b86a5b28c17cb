// IEX-TP with the messages of TOPS and DEEP: a head of 40 bytes, then messages behind their lengths; all little-endian.
// A message begins with type and flags, then its time in nanoseconds since 1970, then the symbol (8 characters), which
// is its order key; system events have none. Source: IEX, "IEX Transport Protocol Specification 1.25", "TOPS 1.66",
// "DEEP 1.08". One thread.
#pragma once

#include "engine/feed/decoder.h"

namespace tapedeck::feed {

// A packet is proven by version, length, count and a known message protocol: TOPS 1.5, TOPS 1.6, DEEP, DEEP+. Other
// message protocols are decoded on a known flow only.
class IexTpDecoder final : public Decoder {
 public:
  IexTpDecoder(std::string_view feed, TopicBook& book) : Decoder(Protocol::kIexTp, feed, book) {}

  [[nodiscard]] Fit examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const override;
  void decode(const Datagram& datagram, Flow& flow, std::span<Message> messages) override;
  [[nodiscard]] std::string session_text(const SessionId& session) const override;  // 8 hex digits

 private:
  static constexpr size_t kSymbolsMax = kTopicsMax;
  struct Hash {
    uint64_t operator()(uint64_t symbol) const { return core::mix(symbol); }
  };

  [[nodiscard]] TopicPlace place_of(Bytes message, Flow& flow);

  core::FlatMap<uint64_t, TopicPlace, Hash> symbols_;
};

}  // namespace tapedeck::feed
