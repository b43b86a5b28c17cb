// What a protocol has to tell about the payload of a UDP datagram: whether it is one of its packets, its sequence
// numbers, and its messages with their topics, lanes and times. One thread. decode() goes over the messages that
// examine() found, after it found the payload to fit, so that the payload is walked once; neither allocates, once the
// buffers have grown and the topics are known.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/feed/flow.h"

namespace tapedeck::feed {

struct Datagram {
  Bytes payload;
  core::Nanos capture_time{};
};

// One message inside a datagram, which must outlive it. Written and read by single fields: a whole one that is copied
// right after it was written waits for those writes.
struct Message {
  Bytes bytes;
  core::Nanos source_time{};  // 0 where it has none
  TopicPlace place;
};

// How well a payload fits a protocol.
enum class Fit : uint8_t {
  kNone,      // it is no packet of this protocol
  kFraming,   // lengths and counts agree to the last byte, which other protocols' may, too: good on a known flow
  kProbable,  // a packet without messages that looks right: good on a flow that has shown nothing else
  kProven,    // could hardly be anything else
};

[[nodiscard]] std::string_view protocol_name(Protocol protocol);  // "itch50", "iextp", "raw"
[[nodiscard]] std::optional<Protocol> protocol_of(std::string_view name);

class Decoder {
 public:
  // `feed` is the first part of its topics' names. The book must outlive this.
  Decoder(Protocol protocol, std::string_view feed, TopicBook& book) : protocol_(protocol), feed_(feed), book_(book) {}
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[nodiscard]] Protocol protocol() const { return protocol_; }

  // Fills `head` where the payload fits, and `messages` with the bytes of each in their order. What is in them
  // otherwise is of no use.
  [[nodiscard]] virtual Fit examine(Bytes payload, PacketHead& head, std::vector<Message>& messages) const = 0;
  // Gives each of these messages its place and time.
  virtual void decode(const Datagram& datagram, Flow& flow, std::span<Message> messages) = 0;
  // A session as people write it, at most 16 characters.
  [[nodiscard]] virtual std::string session_text(const SessionId& session) const = 0;

 protected:
  [[nodiscard]] std::string_view feed() const { return feed_; }
  [[nodiscard]] TopicBook& book() const { return book_; }
  // For messages without an order key of their own: FEED/@NAME, in the lane of the flow's destination.
  [[nodiscard]] TopicPlace place_of_flow(Flow& flow, std::string_view name) const;
  [[nodiscard]] TopicPlace place_of_flow(Flow& flow) const;  // named for the destination

 private:
  Protocol protocol_;
  std::string feed_;
  TopicBook& book_;
};

}  // namespace tapedeck::feed
