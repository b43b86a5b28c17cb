// Walks a segment file frame by frame without its index, verifying each, and goes on behind damage at the next frame
// that is sound. For verify, for segments that were never sealed, and for the ledger. One thread; memory for one frame.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/core/file.h"
#include "engine/tape/block.h"

namespace tapedeck::tape {

class SegmentScanner {
 public:
  enum class Item { kFrame, kDamage, kEnd };

  // A sound frame. The bytes are valid until the next call of next().
  struct Frame {
    uint64_t offset = 0;
    BlockHeader header;
    Bytes bytes;
  };
  // A part of the file that is no sound frame. `header_is_sound` tells that the sizes and counts of `header` hold.
  struct DamagedPart {
    uint64_t offset = 0;
    uint64_t size = 0;
    Damage damage = Damage::kNone;
    bool header_is_sound = false;
    BlockHeader header;
    bool torn = false;  // the file ends inside a frame that begins here, as a writer that is killed leaves it
  };

  // Reads the segment header. Where it is damaged, `expected` stands in for it, and the damage is the first item; with
  // a tape id of 0, which accepts any tape, that is an error (kDamaged). Also fails if the file cannot be read, is of
  // another tape, or of another version (kFailed).
  [[nodiscard]] static core::Result<SegmentScanner> open(const std::filesystem::path& path,
                                                         const SegmentHeader& expected);

  // Walks on. Fails on errors of the disk only.
  [[nodiscard]] core::Result<Item> next();

  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] const DamagedPart& damage() const { return damage_; }
  [[nodiscard]] const core::File& file() const { return file_; }
  [[nodiscard]] uint64_t file_size() const { return file_size_; }
  [[nodiscard]] bool header_is_sound() const { return header_is_sound_; }
  // After kEnd: whether the file ended in a sound footer.
  [[nodiscard]] bool sealed() const { return sealed_; }

 private:
  [[nodiscard]] core::Status read_segment_header(const SegmentHeader& expected);
  [[nodiscard]] core::Result<bool> is_frame_at(uint64_t offset) const;
  [[nodiscard]] core::Result<Item> read_frame(const BlockHeader& header);
  Item damaged_until(uint64_t end, Damage damage, const BlockHeader* header = nullptr);
  [[nodiscard]] core::Result<uint64_t> find_next_frame(uint64_t from) const;
  [[nodiscard]] Damage check_header(Bytes bytes, BlockHeader& header) const;
  [[nodiscard]] bool is_footer(Bytes bytes) const;

  core::File file_;
  uint64_t file_size_ = 0;
  uint64_t at_ = 0;
  SegmentHeader header_;
  bool header_is_sound_ = false;
  bool sealed_ = false;
  Frame frame_;
  DamagedPart damage_;
  std::vector<std::byte> buffer_;
};

// True if the 64 bytes are a sound footer of our version.
[[nodiscard]] bool decode_footer(Bytes bytes, SegmentFooter& footer);

}  // namespace tapedeck::tape
