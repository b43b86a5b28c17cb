#include "engine/transport/envelope.h"

#include <array>

#include "engine/core/crc32c.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kCrcOffset = offsetof(Envelope, crc);

void write_prefix(std::byte* out, uint16_t lane) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::memcpy(out, kDataPrefix.data(), kDataPrefix.size());
  for (unsigned i = 0; i < 4; ++i) out[3 + i] = static_cast<std::byte>(kDigits[(lane >> (12 - 4 * i)) & 15]);
  out[7] = std::byte{'/'};
}

}  // namespace

void stamp_envelope(core::MutableBytes out, const Envelope& envelope) {
  write_prefix(out.data(), envelope.lane);
  std::byte* at = out.data() + kPrefixSize;
  std::memcpy(at, &envelope, kEnvelopeSize);
  core::store_le(at + kCrcOffset, core::crc32c(core::Bytes(at, kCrcOffset)));
}

FrameError read_envelope(core::Bytes frame, Envelope& envelope) {
  if (frame.size() < kHeadroom) return FrameError::kShort;
  const core::Bytes bytes = frame.subspan(kPrefixSize, kEnvelopeSize);
  std::memcpy(&envelope, bytes.data(), kEnvelopeSize);
  if (envelope.magic != kEnvelopeMagic || !core::as_text(frame).starts_with(kDataPrefix)) return FrameError::kForeign;
  if (core::crc32c(bytes.first(kCrcOffset)) != envelope.crc) return FrameError::kChecksum;
  // The prefix is outside the checksum, but says nothing that the envelope does not.
  std::array<std::byte, kPrefixSize> prefix;
  write_prefix(prefix.data(), envelope.lane);
  if (std::memcmp(prefix.data(), frame.data(), kPrefixSize) != 0) return FrameError::kChecksum;
  if (envelope.run_bytes != frame.size() - kHeadroom) return FrameError::kShort;
  return FrameError::kNone;
}

}  // namespace tapedeck::transport
