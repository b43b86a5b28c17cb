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

uint64_t load_time(const std::byte* p) {
  return (uint64_t{core::load_be<uint16_t>(p)} << 32) | core::load_be<uint32_t>(p + 2);
}

}  // namespace

ItchType itch50_type(std::byte type) { return kTypeTable[static_cast<uint8_t>(type)]; }

bool is_itch50_message(Bytes message) { return !message.empty() && itch50_type(message[0]).length == message.size(); }

Fit Itch50Decoder::examine(Bytes payload, PacketHead& head) const {
  if (!read_mold_head(payload, head)) return Fit::kNone;
  MoldMessages messages = mold_messages(payload);
  Bytes message;
  bool known = true;
  for (uint32_t left = head.count; left > 0; --left) {
    if (!messages.next(message)) return Fit::kNone;
    known = known && is_itch50_message(message);
  }
  if (!messages.at_end()) return Fit::kNone;
  if (head.count > 0) return known ? Fit::kProven : Fit::kFraming;
  return head.sequence > 0 && is_mold_session_name(head.session) ? Fit::kProbable : Fit::kFraming;
}

void Itch50Decoder::decode(const Datagram& datagram, Flow& flow, std::vector<Message>& messages) {
  MoldMessages walk = mold_messages(datagram.payload);
  if (walk.at_end()) return;
  LocateTable& table = tables_.of(mold_session(datagram.payload));
  for (Bytes message; walk.next(message);) {
    messages.push_back(read(message, table, flow, datagram.capture_time));
  }
}

Message Itch50Decoder::read(Bytes message, LocateTable& table, Flow& flow, core::Nanos capture_time) const {
  if (message.size() < kCommonHeadSize) return {message, {}, place_of_flow(flow)};
  const auto locate = core::load_be<uint16_t>(message.data() + 1);
  const core::Nanos time = flow.clock.utc(load_time(message.data() + 5), capture_time);
  const size_t symbol_at = is_itch50_message(message) ? itch50_type(message[0]).symbol_at : 0;
  return {message, time, symbol_at > 0 ? table.place(locate, message.data() + symbol_at) : table.place(locate)};
}

std::string Itch50Decoder::session_text(const SessionId& session) const { return mold_session_text(session); }

}  // namespace tapedeck::feed
