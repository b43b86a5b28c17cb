#include "engine/feed/iextp.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/feed/length_prefixed.h"

namespace tapedeck::feed {
namespace {

using IexMessages = LengthPrefixed<core::load_le<uint16_t>>;

constexpr size_t kHeadSize = 40;
constexpr uint16_t kFirstProtocol = 0x8002;  // TOPS 1.5, TOPS 1.6, DEEP, DEEP+
constexpr uint16_t kLastProtocol = 0x8005;
constexpr size_t kTimeAt = 2;
constexpr size_t kSymbolAt = 10;
constexpr size_t kSymbolSize = 8;

bool is_printable(Bytes symbol) {
  return std::ranges::all_of(symbol, [](std::byte b) { return b >= std::byte{' '} && b <= std::byte{'~'}; });
}

}  // namespace

Fit IexTpDecoder::examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const {
  if (payload.size() < kHeadSize || payload[0] != std::byte{1}) return Fit::kNone;
  const std::byte* p = payload.data();
  if (core::load_le<uint16_t>(p + 12) != payload.size() - kHeadSize) return Fit::kNone;
  const auto protocol = core::load_le<uint16_t>(p + 2);
  head.session.words[0] = core::load_le<uint32_t>(p + 8);
  head.session.words[1] = core::load_le<uint32_t>(p + 4);  // channels number their messages apart
  head.count = core::load_le<uint16_t>(p + 14);
  head.sequence = core::load_le<uint64_t>(p + 24);

  IexMessages walk(payload.subspan(kHeadSize));
  messages.clear();
  Bytes bytes;
  for (uint32_t left = head.count; left > 0; --left) {
    if (!walk.next(bytes)) return Fit::kNone;
    messages.emplace_back().bytes = bytes;
  }
  if (!walk.at_end()) return Fit::kNone;
  return protocol >= kFirstProtocol && protocol <= kLastProtocol ? Fit::kProven : Fit::kFraming;
}

void IexTpDecoder::decode(const Datagram&, Flow& flow, std::span<Message> messages) {
  for (Message& message : messages) {
    const Bytes bytes = message.bytes;
    if (bytes.size() >= kSymbolAt) message.source_time = core::Nanos(core::load_le<uint64_t>(bytes.data() + kTimeAt));
    message.place = place_of(bytes, flow);
  }
}

TopicPlace IexTpDecoder::place_of(Bytes message, Flow& flow) {
  if (message.size() < kSymbolAt + kSymbolSize) return place_of_flow(flow, "system");
  const Bytes symbol = message.subspan(kSymbolAt, kSymbolSize);
  const auto word = core::load_le<uint64_t>(symbol.data());
  if (const TopicPlace* known = symbols_.find(word)) return *known;
  if (!is_printable(symbol) || trim_symbol(core::as_text(symbol)).empty()) return place_of_flow(flow, "system");
  const TopicPlace place = book().symbol(feed(), core::as_text(symbol), symbol);
  if (symbols_.size() < kSymbolsMax) symbols_.insert(word, place);
  return place;
}

std::string IexTpDecoder::session_text(const SessionId& session) const {
  return fmt::format("{:08x}", session.words[0]);
}

}  // namespace tapedeck::feed
