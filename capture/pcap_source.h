// Reads the packets of a pcap or pcapng file, plain or gzip: by magic bytes, never by name, in either byte order, with
// times in nanoseconds. The common form of pcap is read by PcapReader, all else through libpcap. A file that ends
// inside a packet, or is damaged, gives all packets before that place and then says so. One thread; the bytes of a
// packet are good until the next one is read; no allocation per packet.
#pragma once

#include <pcap/pcap.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/pcap_reader.h"

namespace tapedeck::capture {

class PcapSource {
 public:
  using Next = PcapReader::Next;

  // Fails on what is empty, unreadable or no capture.
  [[nodiscard]] static core::Result<PcapSource> open(const std::filesystem::path& path);

  [[nodiscard]] Next next(CapturedPacket& packet);
  // One sentence, after kDamaged.
  [[nodiscard]] const std::string& damage() const { return damage_; }
  [[nodiscard]] uint32_t link_type() const { return link_type_; }

  // ByteStream::when_idle.
  void when_idle(std::function<core::Status()> idle) { input_->stream->when_idle(std::move(idle)); }
  // Of the file, as it is stored: how far it is read, and all of it, which is unknown of a pipe.
  [[nodiscard]] uint64_t position() const { return reader_ ? reader_->position() : input_->stream->position(); }
  [[nodiscard]] std::optional<uint64_t> size() const { return input_->stream->size(); }

 private:
  // What libpcap's FILE reads from; stays in place when the source moves.
  struct Input {
    std::unique_ptr<ByteStream> stream;
    std::array<std::byte, PcapReader::kHeaderSize> head;
    core::Bytes unread_head;  // what libpcap has not been given of it
    std::string failure;
    std::vector<char> buffer;
    static ssize_t read(void* self, char* out, size_t size);
  };
  struct Closer {
    void operator()(pcap_t* pcap) const { pcap_close(pcap); }
  };
  PcapSource() = default;
  void read_head();
  [[nodiscard]] core::Status start_libpcap(const std::filesystem::path& path);
  [[nodiscard]] Next next_of_libpcap(CapturedPacket& packet);

  std::unique_ptr<Input> input_;
  std::optional<PcapReader> reader_;
  std::unique_ptr<pcap_t, Closer> pcap_;  // where that does not read it; closed before the input that it reads
  std::string damage_;
  uint32_t link_type_ = 0;
};

}  // namespace tapedeck::capture
