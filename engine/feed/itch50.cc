#include "engine/feed/itch50.h"

#include "engine/feed/moldudp64.h"

namespace tapedeck::feed {
namespace {

constexpr size_t kCommonHeadSize = 11;

struct TypeRow {
  char type;
  ItchType layout;
};

constexpr TypeRow kTypes[] = {
    {'S', {12, 0}},                                                                       // system event
    {'R', {39, 11}}, {'H', {25, 11}}, {'Y', {20, 11}}, {'L', {26, 15}}, {'K', {28, 11}},  // about an instrument
    {'J', {35, 11}}, {'h', {21, 11}}, {'V', {35, 0}},  {'W', {12, 0}},                    // limits and halts
    {'A', {36, 24}}, {'F', {40, 24}}, {'E', {31, 0}},  {'C', {36, 0}},                    // orders
    {'X', {23, 0}},  {'D', {19, 0}},  {'U', {35, 0}},                                     //
    {'P', {44, 24}}, {'Q', {40, 19}}, {'B', {19, 0}},                                     // trades
    {'I', {50, 28}}, {'N', {20, 11}}, {'O', {48, 11}},                                    // auctions and interest
};

constexpr auto kTypeTable = [] {
  std::array<ItchType, 256> table{};
  for (const TypeRow& row : kTypes) table[static_cast<uint8_t>(row.type)] = row.layout;
  return table;
}();

// Of a message with the common head; 0 where its type carries none. Without a branch, which nothing would foretell: the
// load is harmless then.
uint64_t symbol_of(Bytes message) {
  const size_t symbol_at = is_itch50_message(message) ? itch50_type(message[0]).symbol_at : 0;
  return core::load_le<uint64_t>(message.data() + symbol_at) & (uint64_t{symbol_at == 0} - 1);
}

uint64_t load_time(const std::byte* p) {
  return (uint64_t{core::load_be<uint16_t>(p)} << 32) | core::load_be<uint32_t>(p + 2);
}

}  // namespace

ItchType itch50_type(std::byte type) { return kTypeTable[static_cast<uint8_t>(type)]; }

bool is_itch50_message(Bytes message) { return !message.empty() && itch50_type(message[0]).length == message.size(); }

Fit Itch50Decoder::examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const {
  if (!read_mold_head(payload, head)) return Fit::kNone;
  MoldMessages walk = mold_messages(payload);
  messages.clear();
  Bytes bytes;
  bool known = true;
  for (uint32_t left = head.count; left > 0; --left) {
    if (!walk.next(bytes)) return Fit::kNone;
    messages.emplace_back().bytes = bytes;
    known = known && is_itch50_message(bytes);
  }
  if (!walk.at_end()) return Fit::kNone;
  if (head.count > 0) return known ? Fit::kProven : Fit::kFraming;
  return head.sequence > 0 && is_mold_session_name(head.session) ? Fit::kProbable : Fit::kFraming;
}

void Itch50Decoder::decode(const Datagram& datagram, Flow& flow, std::span<Message> messages) {
  if (messages.empty()) return;
  LocateTable& table = tables_.of(mold_session(datagram.payload));
  for (Message& message : messages) {
    if (message.bytes.size() < kCommonHeadSize) [[unlikely]] {
      message.place = place_of_flow(flow);
      continue;
    }
    const std::byte* const p = message.bytes.data();
    message.source_time = flow.clock.utc(load_time(p + 5), datagram.capture_time);
    message.place = table.place(core::load_be<uint16_t>(p + 1), symbol_of(message.bytes));
  }
}

std::string Itch50Decoder::session_text(const SessionId& session) const { return mold_session_text(session); }

}  // namespace tapedeck::feed
