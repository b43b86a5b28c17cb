#include "engine/tape/segment_scanner.h"

#include <algorithm>
#include <array>

#include "engine/core/crc32c.h"

namespace tapedeck::tape {
namespace {

constexpr size_t kSearchChunk = 1u << 20;
constexpr auto kMagicStart = static_cast<uint16_t>(kBlockMagic);  // "TD", with which every magic begins

bool checksum_holds(Bytes header) {
  return core::crc32c(header.first(kHeaderSize - 4)) == core::load_le<uint32_t>(header.data() + kHeaderSize - 4);
}

}  // namespace

bool decode_footer(Bytes bytes, SegmentFooter& footer) {
  std::memcpy(&footer, bytes.data(), kHeaderSize);
  return footer.magic == kFooterMagic && footer.version == kFormatVersion && checksum_holds(bytes);
}

core::Result<SegmentScanner> SegmentScanner::open(const std::filesystem::path& path, const SegmentHeader& expected) {
  SegmentScanner scanner;
  TD_ASSIGN(scanner.file_, core::File::open(path, core::File::Mode::kRead));
  TD_ASSIGN(scanner.file_size_, scanner.file_.size());
  TD_TRY(scanner.read_segment_header(expected));
  return scanner;
}

core::Status SegmentScanner::read_segment_header(const SegmentHeader& expected) {
  using core::ExitCode;
  std::array<std::byte, kHeaderSize> bytes{};
  TD_TRY(file_.read_at(0, MutableBytes(bytes).first(std::min<uint64_t>(kHeaderSize, file_size_))));
  std::memcpy(&header_, bytes.data(), kHeaderSize);
  header_is_sound_ = file_size_ >= kHeaderSize && header_.magic == kSegmentMagic && checksum_holds(bytes);
  const std::string name = file_.path().string();
  if (!header_is_sound_) {
    if (expected.tape_id == 0) {
      return core::fail_with(ExitCode::kDamaged, "{} is no segment of a tape, or its header is damaged", name);
    }
    header_ = expected;
    return {};
  }
  if (header_.version != kFormatVersion) {
    return core::fail("{} is of format version {}; this program reads version {}", name, header_.version,
                      kFormatVersion);
  }
  if (expected.tape_id != 0 && header_.tape_id != expected.tape_id) {
    return core::fail_with(ExitCode::kDamaged, "{} belongs to another tape (id {:016x})", name, header_.tape_id);
  }
  at_ = kHeaderSize;
  return {};
}

core::Result<SegmentScanner::Item> SegmentScanner::next() {
  if (at_ == file_size_) return Item::kEnd;
  if (file_size_ < kHeaderSize) return damaged_until(file_size_, Damage::kCut);
  if (at_ == 0) return damaged_until(kHeaderSize, Damage::kHeader);
  const uint64_t left = file_size_ - at_;
  if (left < kHeaderSize) return damaged_until(file_size_, Damage::kCut);
  std::array<std::byte, kHeaderSize> bytes;
  TD_TRY(file_.read_at(at_, bytes));
  if (left == kHeaderSize && is_footer(bytes)) {
    at_ = file_size_;
    sealed_ = true;
    return Item::kEnd;
  }
  BlockHeader header;
  const Damage damage = check_header(bytes, header);
  if (damage == Damage::kNone) return read_frame(header);
  TD_ASSIGN(const uint64_t next, find_next_frame(at_ + 1));
  return damaged_until(next, damage);
}

core::Result<SegmentScanner::Item> SegmentScanner::read_frame(const BlockHeader& header) {
  const uint64_t end = at_ + frame_size(header);
  const uint64_t size = std::min(frame_size(header), file_size_ - at_);
  if (buffer_.size() < size) buffer_.resize(size);
  const MutableBytes bytes = MutableBytes(buffer_).first(size);
  TD_TRY(file_.read_at(at_, bytes));
  BlockHeader again;
  const Damage damage = verify_frame(bytes, again);
  if (damage == Damage::kNone) {
    frame_ = {at_, header, bytes};
    at_ = end;
    return Item::kFrame;
  }
  // Bytes may be missing or have been put in: the size in the header counts only if it leads to another frame.
  TD_ASSIGN(const bool size_holds, is_frame_at(end));
  if (size_holds) return damaged_until(end, damage, &header);
  TD_ASSIGN(const uint64_t next, find_next_frame(at_ + kHeaderSize));
  return damaged_until(next, damage, &header);
}

SegmentScanner::Item SegmentScanner::damaged_until(uint64_t end, Damage damage, const BlockHeader* header) {
  damage_ = {.offset = at_,
             .size = end - at_,
             .damage = damage,
             .header_is_sound = header != nullptr,
             .header = header != nullptr ? *header : BlockHeader{},
             .torn = damage == Damage::kCut && end == file_size_};
  at_ = end;
  return Item::kDamage;
}

// A header that belongs to this segment.
Damage SegmentScanner::check_header(Bytes bytes, BlockHeader& header) const {
  const Damage damage = read_header(bytes, header);
  if (damage != Damage::kNone) return damage;
  return header.tape_id == header_.tape_id && header.lane == header_.lane ? Damage::kNone : Damage::kHeader;
}

bool SegmentScanner::is_footer(Bytes bytes) const {
  SegmentFooter footer;
  return decode_footer(bytes, footer) && footer.tape_id == header_.tape_id && footer.lane == header_.lane &&
         footer.segment == header_.segment;
}

core::Result<bool> SegmentScanner::is_frame_at(uint64_t offset) const {
  if (offset >= file_size_) return offset == file_size_;
  std::array<std::byte, kHeaderSize> bytes;
  if (file_size_ - offset < bytes.size()) return false;
  TD_TRY(file_.read_at(offset, bytes));
  BlockHeader header;
  return is_footer(bytes) || check_header(bytes, header) == Damage::kNone;
}

core::Result<uint64_t> SegmentScanner::find_next_frame(uint64_t from) const {
  std::vector<std::byte> chunk;
  for (uint64_t base = from; base < file_size_; base += kSearchChunk) {
    // Each chunk reaches a header's size into the next one, so that a header on the border is found.
    chunk.resize(std::min<uint64_t>(kSearchChunk + kHeaderSize, file_size_ - base));
    TD_TRY(file_.read_at(base, chunk));
    for (size_t i = 0; i + kHeaderSize <= chunk.size() && i < kSearchChunk; ++i) {
      const Bytes bytes = Bytes(chunk).subspan(i);
      if (core::load_le<uint16_t>(bytes.data()) != kMagicStart) continue;
      BlockHeader header;
      if (check_header(bytes, header) == Damage::kNone || is_footer(bytes)) return base + i;
    }
  }
  return file_size_;
}

}  // namespace tapedeck::tape
