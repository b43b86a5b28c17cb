#include "capture/recorder.h"

namespace tapedeck::capture {
namespace {

std::string_view protocol_text(const feed::FeedOptions& options) {
  return options.decode ? feed::protocol_name(*options.decode) : "auto";
}

}  // namespace

Recorder::Recorder(tape::TapeWriter& writer, std::string_view source_name, uint32_t link_type,
                   const feed::FeedOptions& options)
    : writer_(writer),
      book_(writer),
      demultiplexer_(options, book_),
      source_(writer.add_source(source_name, protocol_text(options))),
      link_type_(link_type) {}

core::Status Recorder::record(const CapturedPacket& packet) {
  ++counts_.packets;
  last_time_ = packet.time;
  const feed::Skip skip = feed::find_udp(link_type_, packet.bytes, packet.original_size, udp_);
  if (skip != feed::Skip::kNone) {
    ++counts_.skipped[static_cast<size_t>(skip)];
    return skip == feed::Skip::kCut ? note_cut_packet(packet.time) : core::Status{};
  }
  if (udp_.cut) TD_TRY(note_cut_packet(packet.time));
  const auto [messages, gap] = demultiplexer_.accept(udp_, packet.time);
  if (gap != nullptr) [[unlikely]] {
    tape::Loss loss = *gap;
    loss.source = source_;
    TD_TRY(writer_.note_loss(loss));
  }
  for (const feed::Message& message : messages) {
    TD_TRY(writer_.append(message.place.lane, {.capture_time = packet.time,
                                               .source_time = message.source_time,
                                               .topic = message.place.topic,
                                               .source = source_,
                                               .ordinal = next_ordinal_,
                                               .payload = message.bytes}));
    next_ordinal_ += 1;
  }
  return {};
}

core::Status Recorder::note_cut_packet(core::Nanos time) {
  ++counts_.cut_packets;
  return writer_.note_loss({.source = source_, .cause = tape::LossCause::kCutPacket, .time = time, .session = {}});
}

core::Status Recorder::note_cut_file() {
  return writer_.note_loss({.source = source_, .cause = tape::LossCause::kCutFile, .time = last_time_, .session = {}});
}

}  // namespace tapedeck::capture
