#include "engine/transport/datagram.h"

#include <algorithm>

#include "engine/core/crc32c.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kFrontSize = kHeadroom + tape::kHeaderSize;  // of a data frame of one block
constexpr size_t kFragmentCrcOffset = 24;
constexpr size_t kColumnMax = 7 + tape::kSideTrailerSize;  // of an empty side column, with its padding
constexpr double kRatioMax = 100;
constexpr size_t kPrefetch = 2048;  // bytes ahead; the walk waits for each record's size

uint32_t crc_of_fragment(core::Bytes head, core::Bytes bytes) {
  return core::crc32c(bytes, core::crc32c(head.first(kFragmentCrcOffset)));
}

// Puts envelope and header in front of the stored bytes that stand in out[kFrontSize..size).
void stamp_front(core::MutableBytes out, Envelope envelope, tape::BlockHeader header, size_t size) {
  tape::stamp_header(out.subspan(kHeadroom, size - kHeadroom), header);
  envelope.record_count = header.record_count;
  envelope.run_bytes = static_cast<uint32_t>(size - kHeadroom);
  stamp_envelope(out.first(kHeadroom), envelope);
}

size_t write_uncompressed(core::MutableBytes out, const Envelope& envelope, tape::BlockHeader header,
                          core::Bytes records) {
  if (kFrontSize + records.size() > out.size()) return 0;
  header.codec_and_flags &= static_cast<uint8_t>(~tape::kCodecMask);
  std::memcpy(out.data() + kFrontSize, records.data(), records.size());
  stamp_front(out, envelope, header, kFrontSize + records.size());
  return kFrontSize + records.size();
}

}  // namespace

void write_fragment(core::MutableBytes out, const Fragment& fragment) {
  std::memset(out.data(), 0, kFragmentHeadSize);
  std::memcpy(out.data(), kFragmentPrefix.data(), kFragmentPrefix.size());
  core::store_le(out.data() + 8, fragment.message_crc);
  core::store_le(out.data() + 12, fragment.message_bytes);
  core::store_le(out.data() + 16, fragment.offset);
  core::store_le(out.data() + 20, static_cast<uint32_t>(fragment.bytes.size()));
  core::store_le(out.data() + kFragmentCrcOffset, crc_of_fragment(out, fragment.bytes));
  std::memcpy(out.data() + kFragmentHeadSize, fragment.bytes.data(), fragment.bytes.size());
}

Fragment read_fragment_head(core::Bytes datagram) {
  return {.message_crc = core::load_le<uint32_t>(datagram.data() + 8),
          .message_bytes = core::load_le<uint32_t>(datagram.data() + 12),
          .offset = core::load_le<uint32_t>(datagram.data() + 16)};
}

bool read_fragment(core::Bytes datagram, Fragment& fragment) {
  if (datagram.size() < kFragmentHeadSize || !core::as_text(datagram).starts_with(kFragmentPrefix)) return false;
  fragment = read_fragment_head(datagram);
  const auto bytes = core::load_le<uint32_t>(datagram.data() + 20);
  if (bytes == 0 || bytes > datagram.size() - kFragmentHeadSize) return false;
  fragment.bytes = datagram.subspan(kFragmentHeadSize, bytes);
  if (fragment.message_bytes > kFragmentedMax || uint64_t{fragment.offset} + bytes > fragment.message_bytes) {
    return false;
  }
  if (core::load_le<uint32_t>(datagram.data() + kFragmentCrcOffset + 4) != 0) return false;  // reserved
  return core::load_le<uint32_t>(datagram.data() + kFragmentCrcOffset) == crc_of_fragment(datagram, fragment.bytes);
}

bool read_datagram(core::Bytes datagram, Envelope& envelope, core::Bytes& frame) {
  if (datagram.size() < kFrontSize) return false;
  const auto run_bytes = core::load_le<uint32_t>(datagram.data() + kPrefixSize + offsetof(Envelope, run_bytes));
  if (run_bytes > datagram.size() - kHeadroom) return false;
  frame = datagram.first(kHeadroom + run_bytes);
  if (read_envelope(frame, envelope) != FrameError::kNone || envelope.wire_sequence > kWireSequenceMax) return false;
  tape::BlockHeader header;
  if (tape::verify_frame(run_of(frame), header) != tape::Damage::kNone) return false;
  return header.magic == tape::kBlockMagic && tape::frame_size(header) == run_bytes &&
         header.record_count == envelope.record_count && header.lane == envelope.lane && header.lane < tape::kLanesMax;
}

bool DatagramCutter::cut(core::Bytes message) {
  Envelope envelope;
  if (read_envelope(message, envelope) != FrameError::kNone) return cut_fragments(message);
  return cut_run(envelope, run_of(message));
}

bool DatagramCutter::cut_fragments(core::Bytes message) {
  Fragment fragment{.message_crc = core::crc32c(message), .message_bytes = static_cast<uint32_t>(message.size())};
  const size_t room = batch_.slot_bytes() - kFragmentHeadSize;
  for (size_t offset = 0; offset < message.size(); offset += room) {
    if (!make_room()) return false;
    fragment.offset = static_cast<uint32_t>(offset);
    fragment.bytes = message.subspan(offset, std::min(room, message.size() - offset));
    write_fragment(batch_.next(), fragment);
    batch_.commit(kFragmentHeadSize + fragment.bytes.size());
  }
  return true;
}

// What is verified was so by whoever read the run off the disk.
bool DatagramCutter::cut_run(const Envelope& envelope, core::Bytes run) {
  Envelope part = envelope;
  while (!run.empty()) {
    tape::BlockHeader header;
    if (tape::read_header(run, header) != tape::Damage::kNone || tape::frame_size(header) > run.size()) {
      lose(envelope, envelope.record_count - (part.wire_sequence - envelope.wire_sequence));
      return true;
    }
    tape::BlockView block;
    if (opener_.open_verified(run, header, block) != tape::Damage::kNone) {
      lose(envelope, header.record_count);
    } else if (!cut_block(part, block)) {
      return false;
    }
    part.wire_sequence += header.record_count;
    run = run.subspan(tape::frame_size(header));
  }
  return true;
}

DatagramCutter::Stretch DatagramCutter::take(tape::RecordRange::Iterator& at, const tape::BlockView& block,
                                             size_t bytes_max) {
  const std::byte* begin = (*at).bytes().data();
  Stretch stretch;
  size_t size = 0;
  for (; at != block.end(); ++at) {
    const tape::RecordView record = *at;
    __builtin_prefetch(begin + size + kPrefetch);
    const size_t with_it = size + record.bytes().size();
    if (stretch.count > 0 && with_it > bytes_max) break;
    size = with_it;
    ++stretch.count;
    stretch.time_min_ns = std::min(stretch.time_min_ns, record.capture_time().value);
    stretch.time_max_ns = std::max(stretch.time_max_ns, record.capture_time().value);
  }
  stretch.bytes = {begin, size};
  return stretch;
}

bool DatagramCutter::cut_block(Envelope envelope, const tape::BlockView& block) {
  const size_t capacity = batch_.slot_bytes() - kFrontSize;
  const bool is_compressed = tape::codec_of(block.header) != tape::Codec::kNone;
  tape::BlockHeader header = block.header;
  uint32_t left = block.size();
  for (auto at = block.begin(); at != block.end() && left > 0;) {
    if (!make_room()) return false;
    auto bytes_max = static_cast<size_t>(static_cast<double>(capacity) * (is_compressed ? ratio_ : 1));
    auto next = at;
    Stretch stretch = take(next, block, bytes_max);
    size_t size = write(batch_.next(), envelope, header, stretch);
    while (size == 0 && stretch.count > 1) {  // it did not become as small as those before it
      bytes_max = bytes_max * 7 / 8;
      next = at;
      stretch = take(next, block, bytes_max);
      size = write(batch_.next(), envelope, header, stretch);
    }
    if (size > 0) {
      batch_.commit(size);
    } else if (!send_large(envelope, header, stretch)) {
      return false;
    }
    records_.add(stretch.count);
    left -= std::min(left, stretch.count);
    envelope.wire_sequence += stretch.count;
    header.first_sequence += stretch.count;
    at = next;
  }
  lose(envelope, left);  // the block has fewer records than it says
  return true;
}

void DatagramCutter::lose(const Envelope& envelope, uint64_t records) {
  if (records > 0) records_lost_[core::Lane(envelope.lane)] += records;
}

size_t DatagramCutter::write(core::MutableBytes out, Envelope envelope, tape::BlockHeader header,
                             const Stretch& stretch) {
  const bool is_compressed = tape::codec_of(header) != tape::Codec::kNone;
  header.record_count = stretch.count;
  header.raw_size = static_cast<uint32_t>(stretch.bytes.size());
  header.time_min_ns = stretch.time_min_ns;
  header.time_max_ns = stretch.time_max_ns;
  if (is_compressed) {
    if (const size_t size = write_compressed(out, envelope, header, stretch); size > 0) return size;
  }
  return write_uncompressed(out, envelope, header, stretch.bytes);
}

// Notes by the way how much is to be tried next time, so that datagrams become nearly full.
size_t DatagramCutter::write_compressed(core::MutableBytes out, const Envelope& envelope, tape::BlockHeader& header,
                                        const Stretch& stretch) {
  const size_t room = out.size() - kFrontSize - kColumnMax;
  const core::MutableBytes payload = out.subspan(kFrontSize, std::min(room, stretch.bytes.size()));
  const auto compressed = compressor_.compress(tape::Codec::kLz4, stretch.bytes, payload);
  if (!compressed || *compressed == 0) {
    ratio_ = std::max(ratio_ * 0.9, 1.0);
    return 0;
  }
  if (*compressed < room * 15 / 16) ratio_ = std::min(ratio_ * 1.02, kRatioMax);
  const core::Bytes column = no_ordinals_.finish(*compressed);
  std::memcpy(payload.data() + *compressed, column.data(), column.size());
  header.codec_and_flags =
      static_cast<uint8_t>((header.codec_and_flags & ~tape::kCodecMask) | static_cast<uint8_t>(tape::Codec::kLz4));
  header.raw_crc = core::crc32c(stretch.bytes);
  const size_t size = kFrontSize + *compressed + column.size();
  stamp_front(out, envelope, header, size);
  return size;
}

bool DatagramCutter::send_large(const Envelope& envelope, const tape::BlockHeader& header, const Stretch& stretch) {
  large_.resize(kFrontSize + stretch.bytes.size() + kColumnMax);
  const size_t size = write(large_, envelope, header, stretch);
  return cut_fragments(core::Bytes(large_).first(size));
}

std::optional<std::vector<std::byte>> without_first(core::Bytes frame, uint32_t skip) {
  Envelope envelope;
  tape::BlockOpener opener;
  tape::BlockView block;
  if (read_envelope(frame, envelope) != FrameError::kNone) return std::nullopt;
  if (opener.open(run_of(frame), block) != tape::Damage::kNone) return std::nullopt;
  if (tape::check_records(block) != tape::Damage::kNone) return std::nullopt;
  auto it = block.begin();
  for (uint32_t i = 0; i < skip; ++i) ++it;
  const std::byte* begin = (*it).bytes().data();
  const core::Bytes rest = block.records.bytes().subspan(static_cast<size_t>(begin - block.records.bytes().data()));
  tape::BlockHeader header = block.header;
  header.record_count -= skip;
  header.first_sequence += skip;
  header.raw_size = static_cast<uint32_t>(rest.size());
  envelope.wire_sequence += skip;
  std::vector<std::byte> out(kFrontSize + rest.size());
  static_cast<void>(write_uncompressed(out, envelope, header, rest));
  return out;
}

}  // namespace tapedeck::transport
