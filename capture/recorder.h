// Writes the packets of one source to a tape: finds the UDP payload, has it turned into messages, and appends each as a
// record whose ordinal is its place in the order of arrival; what is missing goes to the ledger. Borrows the writer,
// which must stay where it is. One thread; no allocation per packet once topics and flows are known.
#pragma once

#include <array>
#include <string_view>

#include "capture/pcap_source.h"
#include "engine/feed/demultiplexer.h"

namespace tapedeck::capture {

struct RecorderCounts {
  uint64_t packets = 0;
  uint64_t cut_packets = 0;  // captured shorter than they were
  std::array<uint64_t, feed::kSkipCount> skipped{};
};

class Recorder {
 public:
  // Registers the source with the tape.
  Recorder(tape::TapeWriter& writer, std::string_view source_name, uint32_t link_type,
           const feed::FeedOptions& options);
  Recorder(const Recorder&) = delete;  // its parts refer to each other
  Recorder& operator=(const Recorder&) = delete;

  [[nodiscard]] core::Status record(const CapturedPacket& packet);
  // The source ended inside a packet, or is damaged from here on.
  [[nodiscard]] core::Status note_cut_file();

  [[nodiscard]] const RecorderCounts& counts() const { return counts_; }
  [[nodiscard]] const feed::Demultiplexer& feed() const { return demultiplexer_; }

 private:
  [[nodiscard]] core::Status note_cut_packet(core::Nanos time);

  tape::TapeWriter& writer_;
  feed::TopicBook book_;
  feed::Demultiplexer demultiplexer_;
  core::SourceId source_;
  core::Ordinal next_ordinal_{};
  core::Nanos last_time_{};
  uint32_t link_type_;
  feed::UdpPacket udp_;
  RecorderCounts counts_;
};

}  // namespace tapedeck::capture
