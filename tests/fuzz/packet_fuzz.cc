// Captured frames of any bytes: link layer, IP, UDP, then whichever protocol recognises them, as a capture does. The
// first byte of the input tells the link type, the second the protocol asked for; then come the frames, each a piece.
#include <array>

#include "engine/feed/demultiplexer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/scratch_folder.h"

namespace tapedeck::fuzz {
namespace {

using feed::Demultiplexer;
using feed::LinkType;
using feed::Protocol;

constexpr std::array kLinkTypes = {LinkType::kEthernet, LinkType::kLinuxSll, LinkType::kLinuxSll2, LinkType::kNull,
                                   LinkType::kLoop,     LinkType::kRaw,      LinkType::kIpv6,      LinkType(147)};
constexpr std::array<std::optional<Protocol>, 4> kAsked = {std::nullopt, Protocol::kItch50, Protocol::kIexTp,
                                                           Protocol::kRaw};

bool is_inside(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

class Feed {
 public:
  Feed(tape::TapeWriter& writer, std::optional<Protocol> asked)
      : writer_(writer), book_(writer), demultiplexer_({.feed = "", .decode = asked}, book_) {}

  void accept(const feed::UdpPacket& packet, core::Nanos time) {
    const uint64_t unknown_before = demultiplexer_.counts().unknown;
    const auto [messages, gap] = demultiplexer_.accept(packet, time);
    ++packets_;
    messages_ += messages.size();
    TD_CHECK(!gap || (gap->count > 0 && gap->session.size() <= 16));
    size_t framed = 0;
    for (const feed::Message& message : messages) {
      TD_CHECK(is_inside(message.bytes, packet.payload));
      TD_CHECK(message.place.lane.value < writer_.options().lanes);
      TD_CHECK(message.place.topic.value < writer_.topic_count());
      framed += 2 + message.bytes.size();
    }
    const bool raw = messages.size() == 1 && messages[0].bytes.size() == packet.payload.size();
    if (demultiplexer_.counts().unknown > unknown_before) {
      TD_CHECK(raw && !gap);
      return;
    }
    // Every byte behind the head of a recognised packet is in a message or is a message's length.
    constexpr size_t kMoldHead = 20;
    constexpr size_t kIexHead = 40;
    TD_CHECK(raw || framed + kMoldHead == packet.payload.size() || framed + kIexHead == packet.payload.size());
  }

  void check_counts() const {
    uint64_t packets = 0;
    for (const feed::ProtocolCounts& counts : demultiplexer_.counts().by_protocol) packets += counts.packets;
    TD_CHECK(packets == packets_);
    TD_CHECK(demultiplexer_.messages() + demultiplexer_.counts().unknown == messages_);
  }

 private:
  const tape::TapeWriter& writer_;
  feed::TopicBook book_;
  Demultiplexer demultiplexer_;
  uint64_t packets_ = 0;
  uint64_t messages_ = 0;
};

}  // namespace

void run_one(Bytes bytes) {
  static const ScratchFolder scratch = ScratchFolder::in_memory();
  constexpr uint64_t kStart_ns = 1'500'000'000'000'000'000;
  Input input(bytes);
  const LinkType link_type = kLinkTypes[input.byte() % kLinkTypes.size()];
  const std::optional<Protocol> asked = kAsked[input.byte() % kAsked.size()];
  auto writer = tape::TapeWriter::create(scratch.cleared("t.tape"), {.lanes = 4});
  TD_CHECK(writer.has_value());
  Feed feed(*writer, asked);
  for (core::Nanos time(kStart_ns); !input.empty(); time += 1000) {
    const ByteVector frame = copy_of(input.piece());
    feed::UdpPacket packet;
    const feed::Skip skip = feed::find_udp(static_cast<uint32_t>(link_type), frame, frame.size(), packet);
    TD_CHECK(!feed::skip_name(skip).empty());
    if (skip != feed::Skip::kNone) continue;
    TD_CHECK(is_inside(packet.payload, frame));
    feed.accept(packet, time);
  }
  feed.check_counts();
}

}  // namespace tapedeck::fuzz
