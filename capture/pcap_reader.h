// Reads the records of a pcap file of version 2.4, in either byte order, with times in micro- or nanoseconds: the form
// that nearly all captures have, read without a copy or a call per packet (draft-ietf-opsawg-pcap). Gives what libpcap
// gives. One thread; the bytes of a packet are good until the next one is read; no allocation per packet.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "capture/read_ahead.h"
#include "engine/core/types.h"

namespace tapedeck::capture {

struct CapturedPacket {
  core::Nanos time{};
  core::Bytes bytes;
  size_t original_size = 0;  // on the wire
};

class PcapReader {
 public:
  enum class Next : uint8_t {
    kPacket,
    kEnd,
    kDamaged,  // the file is cut or damaged here: see damage()
  };
  static constexpr size_t kHeaderSize = 24;

  // A reader of what follows `header` in the stream, which it takes over and which must outlive it; none where that is
  // no header of such a file.
  [[nodiscard]] static std::optional<PcapReader> start(core::Bytes header, ByteStream& stream);

  [[nodiscard]] Next next(CapturedPacket& packet);
  // One sentence, after kDamaged.
  [[nodiscard]] const std::string& damage() const { return damage_; }
  [[nodiscard]] uint32_t link_type() const { return link_type_; }
  // Of the stream, behind what was taken from it to be given.
  [[nodiscard]] uint64_t position() const { return source_->position(); }

 private:
  PcapReader() = default;
  [[nodiscard]] uint32_t u32(const std::byte* at) const;
  // Reads until `size` bytes wait; false at the end of the file or its damage.
  [[nodiscard]] bool fill(size_t size);
  [[nodiscard]] Next stop(size_t wanted, std::string_view what);

  std::unique_ptr<ReadAhead> source_;
  core::Bytes waiting_;  // read, but not given yet
  std::string damage_;
  bool big_endian_ = false;
  uint32_t fraction_ns_ = 1;  // the unit of the fractions of seconds
  uint32_t packet_bytes_max_ = 0;
  uint32_t link_type_ = 0;
};

}  // namespace tapedeck::capture
