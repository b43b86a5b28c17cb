// Nasdaq TotalView-ITCH 5.0 in MoldUDP64. Each message begins with type, stock locate (its order key), tracking number
// and a time since midnight in nanoseconds (6 bytes); all big-endian. Types, lengths and places of the symbol are those
// of "Nasdaq TotalView-ITCH 5.0" (2015), with J and O of its later versions. One thread.
#pragma once

#include "engine/feed/decoder.h"
#include "engine/feed/locate_table.h"

namespace tapedeck::feed {

struct ItchType {
  uint8_t length = 0;     // 0: no such type
  uint8_t symbol_at = 0;  // 0: carries no symbol
};
[[nodiscard]] ItchType itch50_type(std::byte type);

// True for a message of a known type with that type's length.
[[nodiscard]] bool is_itch50_message(Bytes message);

// A packet is proven when all its messages are of ITCH 5.0, and probable when it is a heartbeat or end of session with
// a proper session name and a number. On a known flow messages of unknown types and lengths are recorded, too: in the
// topic of their locate where they have the common head, else in that of the flow. They name nothing.
class Itch50Decoder final : public Decoder {
 public:
  Itch50Decoder(std::string_view feed, TopicBook& book)
      : Decoder(Protocol::kItch50, feed, book), tables_(this->feed(), book) {}

  [[nodiscard]] Fit examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const override;
  void decode(const Datagram& datagram, Flow& flow, std::span<Message> messages) override;
  [[nodiscard]] std::string session_text(const SessionId& session) const override;

 private:
  LocateTables tables_;
};

}  // namespace tapedeck::feed
