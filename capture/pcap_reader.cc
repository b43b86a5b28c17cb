#include "capture/pcap_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/durations.h"

namespace tapedeck::capture {
namespace {

constexpr uint32_t kMagicMicros = 0xa1b2c3d4;
constexpr uint32_t kMagicNanos = 0xa1b23c4d;
constexpr uint16_t kVersionMajor = 2;
constexpr uint16_t kVersionMinor = 4;
constexpr uint32_t kLinkTypeMax = 0xffff;  // above it are flags, left to libpcap
constexpr size_t kRecordHeadSize = 16;
constexpr uint32_t kPacketBytesMax = 262'144;  // as libpcap has it: more is damage
static_assert(ReadAhead::kRestBytesMax >= kRecordHeadSize + kPacketBytesMax);

}  // namespace

std::optional<PcapReader> PcapReader::start(core::Bytes header, ByteStream& stream) {
  if (header.size() != kHeaderSize) return std::nullopt;
  PcapReader reader;
  const auto magic = core::load_be<uint32_t>(header.data());
  reader.big_endian_ = magic == kMagicMicros || magic == kMagicNanos;
  const uint32_t own = reader.u32(header.data());
  if (own != kMagicMicros && own != kMagicNanos) return std::nullopt;
  const uint32_t version = reader.u32(header.data() + 4);
  const uint32_t expected =
      reader.big_endian_ ? kVersionMajor << 16 | kVersionMinor : kVersionMinor << 16 | kVersionMajor;
  if (version != expected) return std::nullopt;
  reader.fraction_ns_ = own == kMagicMicros ? 1000 : 1;
  const uint32_t snap_length = reader.u32(header.data() + 16);
  reader.packet_bytes_max_ = snap_length == 0 ? kPacketBytesMax : std::min(snap_length, kPacketBytesMax);
  reader.link_type_ = reader.u32(header.data() + 20);
  if (reader.link_type_ > kLinkTypeMax) return std::nullopt;
  reader.source_ = std::make_unique<ReadAhead>(stream);
  return reader;
}

uint32_t PcapReader::u32(const std::byte* at) const {
  return big_endian_ ? core::load_be<uint32_t>(at) : core::load_le<uint32_t>(at);
}

PcapReader::Next PcapReader::next(CapturedPacket& packet) {
  if (waiting_.size() < kRecordHeadSize && !fill(kRecordHeadSize)) return stop(kRecordHeadSize, "header");
  const std::byte* head = waiting_.data();
  const uint32_t size = u32(head + 8);
  if (size > kPacketBytesMax) {
    damage_ = fmt::format("invalid packet capture length {}, bigger than maximum of {}", size, kPacketBytesMax);
    return Next::kDamaged;
  }
  if (waiting_.size() < kRecordHeadSize + size) {
    if (!fill(kRecordHeadSize + size)) return stop(kRecordHeadSize + size, "packet");
    head = waiting_.data();
  }
  packet = {core::Nanos(u32(head) * core::kSecond_ns + uint64_t{u32(head + 4)} * fraction_ns_),
            waiting_.subspan(kRecordHeadSize, std::min(size, packet_bytes_max_)), u32(head + 12)};
  waiting_ = waiting_.subspan(kRecordHeadSize + size);
  return Next::kPacket;
}

bool PcapReader::fill(size_t size) {
  while (waiting_.size() < size) {
    const auto more = source_->next(waiting_);
    if (!more) {
      damage_ = more.error().message;
      return false;
    }
    const bool is_end = more->size() == waiting_.size();
    waiting_ = *more;
    if (is_end) return false;
  }
  return true;
}

PcapReader::Next PcapReader::stop(size_t wanted, std::string_view what) {
  if (!damage_.empty()) return Next::kDamaged;
  if (waiting_.empty()) return Next::kEnd;
  damage_ = fmt::format("truncated: of {} bytes of a {} there are {}", wanted, what, waiting_.size());
  return Next::kDamaged;
}

}  // namespace tapedeck::capture
