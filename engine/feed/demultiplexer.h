// Turns the UDP packets of any number of flows and protocols, in their order of arrival, into messages with topics,
// lanes and times, and follows their sequence numbers. Which protocol a packet is of is judged by the packet itself;
// what a flow has shown before helps where that is not enough. A packet that nobody recognises is one message of
// protocol raw, counted as unknown; none is dropped. One thread. Per packet: one lookup of its flow, one pass
// over it once its protocol is known, no allocation once topics and flows are.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/feed/iextp.h"
#include "engine/feed/itch50.h"
#include "engine/feed/raw.h"

namespace tapedeck::feed {

struct FeedOptions {
  std::string feed;                // first part of topic names; empty: each decoder's own name
  std::optional<Protocol> decode;  // take all packets for this protocol's where their framing allows; none: recognise
};

struct ProtocolCounts {
  uint64_t packets = 0;
  uint64_t messages = 0;
};

struct FeedCounts {
  std::array<ProtocolCounts, kProtocolCount> by_protocol;  // packets nobody recognised are of raw, with no messages
  uint64_t unknown = 0;                                    // those
  uint64_t heartbeats = 0;                                 // recognised packets without messages
  uint64_t repeated = 0;                                   // messages whose sequence numbers were passed before
  uint64_t new_sessions = 0;                               // on a flow that had one
  uint64_t resets = 0;                                     // falls back to sequence number 1
};

class Demultiplexer {
 public:
  // The book must outlive this.
  Demultiplexer(const FeedOptions& options, TopicBook& book);

  struct Result {
    std::span<const Message> messages;  // until the next call, like the gap; their bytes are the packet's
    const tape::Loss* gap = nullptr;    // before these messages; its source is for the caller to set
  };
  [[nodiscard]] Result accept(const UdpPacket& packet, core::Nanos capture_time);

  [[nodiscard]] const FeedCounts& counts() const { return counts_; }
  [[nodiscard]] uint64_t messages() const;  // of all protocols, without the unknown
  [[nodiscard]] const FlowTable& flows() const { return flows_; }

 private:
  // Who decodes this packet, whose messages it has found then; null where nobody recognises it.
  [[nodiscard]] Decoder* choose(Flow& flow, Bytes payload, PacketHead& head);
  // What is missing before this packet; null if nothing is.
  [[nodiscard]] const tape::Loss* follow(const Decoder& decoder, Flow& flow, const PacketHead& head,
                                         core::Nanos capture_time);

  Itch50Decoder itch50_;
  IexTpDecoder iextp_;
  RawDecoder raw_;
  Decoder* forced_ = nullptr;
  FlowTable flows_;
  std::vector<Message> messages_;
  tape::Loss gap_;  // the last one
  FeedCounts counts_;
};

}  // namespace tapedeck::feed
