#include "engine/feed/demultiplexer.h"

namespace tapedeck::feed {
namespace {

std::string_view feed_of(const FeedOptions& options, Protocol protocol) {
  return options.feed.empty() ? protocol_name(protocol) : std::string_view(options.feed);
}

}  // namespace

Demultiplexer::Demultiplexer(const FeedOptions& options, TopicBook& book)
    : itch50_(feed_of(options, Protocol::kItch50), book),
      iextp_(feed_of(options, Protocol::kIexTp), book),
      raw_(feed_of(options, Protocol::kRaw), book) {
  if (!options.decode) return;
  switch (*options.decode) {
    case Protocol::kItch50: forced_ = &itch50_; break;
    case Protocol::kIexTp: forced_ = &iextp_; break;
    case Protocol::kRaw: forced_ = &raw_; break;
  }
}

Demultiplexer::Result Demultiplexer::accept(const UdpPacket& packet, core::Nanos capture_time) {
  Flow& flow = flows_.find(packet.flow);
  const Datagram datagram{packet.payload, capture_time};
  PacketHead head;
  Decoder* const decoder = packet.cut ? nullptr : choose(flow, packet.payload, head);
  if (decoder == nullptr) {
    messages_.assign(1, {.bytes = packet.payload, .place = {}});
    raw_.decode(datagram, flow, messages_);
    ++counts_.unknown;
    ++counts_.by_protocol[static_cast<size_t>(Protocol::kRaw)].packets;
    return {.messages = messages_};
  }
  const tape::Loss* const gap = follow(*decoder, flow, head, capture_time);
  decoder->decode(datagram, flow, messages_);
  ProtocolCounts& counts = counts_.by_protocol[static_cast<size_t>(decoder->protocol())];
  ++counts.packets;
  counts.messages += messages_.size();
  if (messages_.empty()) ++counts_.heartbeats;
  return {messages_, gap};
}

Decoder* Demultiplexer::choose(Flow& flow, Bytes payload, PacketHead& head) {
  const auto fit_of = [&](const Decoder& decoder) { return decoder.examine(payload, head, messages_); };
  if (forced_ != nullptr) return fit_of(*forced_) >= Fit::kFraming ? forced_ : nullptr;
  if (flow.decoder != nullptr && fit_of(*flow.decoder) >= Fit::kFraming) return flow.decoder;
  const Fit needed = flow.foreign ? Fit::kProven : Fit::kProbable;
  for (Decoder* decoder : {static_cast<Decoder*>(&itch50_), static_cast<Decoder*>(&iextp_)}) {
    const Fit fit = fit_of(*decoder);
    if (fit < needed) continue;
    if (fit == Fit::kProven) flow.decoder = decoder;
    return decoder;
  }
  flow.foreign = true;
  return nullptr;
}

const tape::Loss* Demultiplexer::follow(const Decoder& decoder, Flow& flow, const PacketHead& head,
                                        core::Nanos capture_time) {
  const SequenceStep step = flow.tracker.advance(head);
  counts_.repeated += step.repeated;
  counts_.resets += step.reset;
  if (step.new_session) {
    ++counts_.new_sessions;
    flow.clock.forget();
  }
  if (step.missing == 0) [[likely]] {
    return nullptr;
  }
  gap_ = {.source = {},
          .cause = tape::LossCause::kSequenceGap,
          .first = step.first_missing,
          .count = step.missing,
          .time = capture_time,
          .session = decoder.session_text(head.session)};
  return &gap_;
}

uint64_t Demultiplexer::messages() const {
  uint64_t sum = 0;
  for (const ProtocolCounts& counts : counts_.by_protocol) sum += counts.messages;
  return sum;
}

}  // namespace tapedeck::feed
