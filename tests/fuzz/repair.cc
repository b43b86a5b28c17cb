#include "tests/fuzz/repair.h"

#include <nlohmann/json.hpp>

#include "engine/core/crc32c.h"
#include "engine/tape/block.h"
#include "engine/tape/codec.h"
#include "engine/transport/datagram.h"

namespace tapedeck::fuzz {
namespace {

using core::Bytes;
using core::MutableBytes;
using tape::BlockHeader;
using tape::kHeaderSize;

constexpr uint32_t kUnpackedMax = 1u << 20;  // of a compressed block whose checksum is put right

// Headers and footers have their checksum in their last four bytes.
void sign_header(MutableBytes header) {
  constexpr size_t kAt = kHeaderSize - sizeof(uint32_t);
  core::store_le(header.data() + kAt, core::crc32c(header.first(kAt)));
}

// The checksum of the records, where there is one that would hold.
uint32_t raw_crc_of(Bytes stored, const BlockHeader& header) {
  if (tape::codec_of(header) == tape::Codec::kNone) {
    return core::crc32c(stored.first(std::min<size_t>(header.raw_size, stored.size())));
  }
  const auto side = tape::side_column_of(stored);
  if (!side || header.raw_size > kUnpackedMax) return header.raw_crc;
  std::vector<std::byte> raw(header.raw_size);
  const Bytes compressed = stored.first(stored.size() - side->size());
  return tape::Decompressor().decompress(tape::codec_of(header), compressed, raw) ? core::crc32c(raw) : header.raw_crc;
}

// Of one block, with bytes behind it.
void repair_padded_frame(MutableBytes message, uint64_t publisher) {
  if (message.size() < transport::kHeadroom + kHeaderSize) return;
  BlockHeader header;
  std::memcpy(&header, message.data() + transport::kHeadroom, kHeaderSize);
  const size_t size = std::min(message.size(), transport::kHeadroom + tape::frame_size(header));
  repair_data_frame(message.first(size), publisher);
}

void repair_fragment(MutableBytes datagram, uint64_t publisher) {
  const MutableBytes bytes = datagram.subspan(transport::kFragmentHeadSize);
  transport::Fragment fragment = transport::read_fragment_head(datagram);
  if (fragment.message_bytes == bytes.size() && fragment.offset == 0) {
    if (core::as_text(bytes).starts_with(transport::kDataPrefix)) repair_padded_frame(bytes, publisher);
    fragment.message_crc = core::crc32c(bytes);
  }
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  fragment.bytes = copy;
  transport::write_fragment(datagram, fragment);
}

}  // namespace

size_t repair_frame(MutableBytes bytes) {
  if (bytes.size() < kHeaderSize) return bytes.size();
  BlockHeader header;
  std::memcpy(&header, bytes.data(), kHeaderSize);
  if (header.stored_size <= bytes.size() - kHeaderSize) {
    const Bytes stored = bytes.subspan(kHeaderSize, header.stored_size);
    header.raw_crc = raw_crc_of(stored, header);
    header.stored_crc = core::crc32c(stored);
    std::memcpy(bytes.data(), &header, kHeaderSize);
  }
  sign_header(bytes.first(kHeaderSize));
  return std::min(tape::frame_size(header), bytes.size());
}

void repair_frames(MutableBytes bytes) {
  while (!bytes.empty()) bytes = bytes.subspan(repair_frame(bytes));
}

void repair_segment(MutableBytes file) {
  if (file.size() < kHeaderSize) return;
  sign_header(file.first(kHeaderSize));
  const MutableBytes rest = file.subspan(kHeaderSize);
  if (rest.size() < kHeaderSize) return;
  repair_frames(rest.first(rest.size() - kHeaderSize));
  sign_header(rest.last(kHeaderSize));
}

std::string repair_manifest(std::string_view text) {
  using Json = nlohmann::ordered_json;
  constexpr int kDepthMax = 16;
  const auto is_shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= kDepthMax; };
  Json json = Json::parse(text, is_shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::string(text);
  const auto to_text = [&] { return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n"; };
  json.erase("crc32c");
  json["crc32c"] = fmt::format("{:08x}", core::crc32c(core::as_bytes(to_text())));
  return to_text();
}

void repair_data_frame(MutableBytes message, uint64_t publisher) {
  if (message.size() < transport::kHeadroom) return;
  transport::Envelope envelope;
  std::memcpy(&envelope, message.data() + transport::kPrefixSize, transport::kEnvelopeSize);
  const MutableBytes run = message.subspan(transport::kHeadroom);
  envelope.magic = transport::kEnvelopeMagic;
  envelope.publisher = publisher;
  envelope.run_bytes = static_cast<uint32_t>(run.size());
  transport::stamp_envelope(message, envelope);
  repair_frames(run);
}

void repair_datagram(MutableBytes datagram, uint64_t publisher) {
  const bool is_fragment =
      datagram.size() > transport::kFragmentHeadSize && core::as_text(datagram).starts_with(transport::kFragmentPrefix);
  is_fragment ? repair_fragment(datagram, publisher) : repair_padded_frame(datagram, publisher);
}

}  // namespace tapedeck::fuzz
