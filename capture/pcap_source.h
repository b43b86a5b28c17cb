// Reads the packets of a pcap or pcapng file, plain or gzip, through libpcap: by magic bytes, never by name, in either
// byte order, with times in nanoseconds. A file that ends inside a packet, or is damaged, gives all packets before that
// place and then says so. One thread; the bytes of a packet are good until the next one is read; no allocation per
// packet.
#pragma once

#include <pcap/pcap.h>

#include <memory>
#include <string>
#include <vector>

#include "capture/byte_stream.h"
#include "engine/core/types.h"

namespace tapedeck::capture {

struct CapturedPacket {
  core::Nanos time{};
  core::Bytes bytes;
  size_t original_size = 0;  // on the wire
};

class PcapSource {
 public:
  enum class Next : uint8_t {
    kPacket,
    kEnd,
    kDamaged,  // the file is cut or damaged here: see damage()
  };

  // Fails on what is empty, unreadable or no capture.
  [[nodiscard]] static core::Result<PcapSource> open(const std::filesystem::path& path);

  [[nodiscard]] Next next(CapturedPacket& packet);
  // One sentence, after kDamaged.
  [[nodiscard]] const std::string& damage() const { return damage_; }
  [[nodiscard]] uint32_t link_type() const { return link_type_; }
  [[nodiscard]] const ByteStream& stream() const { return *input_->stream; }

 private:
  // What libpcap's FILE reads from; stays in place when the source moves.
  struct Input {
    std::unique_ptr<ByteStream> stream;
    std::string failure;
    std::vector<char> buffer;
    static ssize_t read(void* self, char* out, size_t size);
  };
  struct Closer {
    void operator()(pcap_t* pcap) const { pcap_close(pcap); }
  };
  PcapSource() = default;
  [[nodiscard]] core::Status start(const std::filesystem::path& path);

  std::unique_ptr<Input> input_;
  std::unique_ptr<pcap_t, Closer> pcap_;  // closed before the input that it reads
  std::string damage_;
  uint32_t link_type_ = 0;
};

}  // namespace tapedeck::capture
