// Writes one segment file: header, frames as they come, and when sealed the index and the footer. For one thread. What
// could not be written whole is taken back, so that the file ends on a whole frame after any error, and the same call
// may be made again; but for a file that could not be closed, of which every further call tells that.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "engine/core/file.h"
#include "engine/tape/segment_index.h"

namespace tapedeck::tape {

struct SegmentIdentity {
  TapeId tape{};
  Lane lane{};
  LaneKind kind = LaneKind::kData;
  uint32_t segment = 0;
  Sequence first_sequence{};
  Nanos created{};
};

// What a segment holds already.
struct SegmentContents {
  uint64_t size = kHeaderSize;
  SegmentIndex index;
  uint32_t frames = 0;  // for the footer: blocks, and entries of these
  uint64_t entries = 0;
};

class SegmentWriter {
 public:
  [[nodiscard]] static core::Result<SegmentWriter> create(const std::filesystem::path& path,
                                                          const SegmentIdentity& identity);

  // Goes on with a segment that has been written up to `contents.size`: the next write cuts off what is behind.
  // `header_holds` false writes the segment header again, over what is there.
  [[nodiscard]] static core::Result<SegmentWriter> reopen(const std::filesystem::path& path,
                                                          const SegmentIdentity& identity,
                                                          const SegmentContents& contents, bool header_holds);

  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] const SegmentIdentity& identity() const { return identity_; }
  [[nodiscard]] const std::vector<BlockRef>& blocks() const { return blocks_; }
  // A segment whose index has grown to this should be sealed, however small its blocks are.
  [[nodiscard]] bool index_is_large() const { return blocks_.size() + postings_.size() > kIndexEntriesMax; }

  // Writes a sealed block; `topics` are those of its records, each once.
  [[nodiscard]] core::Status write_block(Bytes frame, uint64_t payload_bytes, std::span<const TopicId> topics);
  [[nodiscard]] core::Status write_names(std::span<const TopicName> names);
  // A frame of another kind, with `entries` entries: counted in the footer only.
  [[nodiscard]] core::Status write_entries(uint32_t magic, uint32_t entries, Bytes body);

  // Writes index and footer, and closes. `names` has a name for each topic that occurs in the segment and may have
  // more; ascending by topic.
  [[nodiscard]] core::Status seal(std::vector<TopicName> names);
  // Writes the footer and closes, where the index stands at `index_offset` already.
  [[nodiscard]] core::Status seal_behind_index(uint64_t index_offset);

 private:
  static constexpr size_t kIndexEntriesMax = 1u << 20;  // bounds memory, and how long it takes to seal

  // A topic occurs in a block.
  struct Posting {
    TopicId topic;
    uint32_t block;
  };

  [[nodiscard]] core::Status append(Bytes bytes);
  [[nodiscard]] core::Status close();
  [[nodiscard]] SegmentIndex build_index(std::vector<TopicName> names) const;
  [[nodiscard]] SegmentFooter make_footer(uint64_t index_offset) const;

  core::File file_;
  SegmentIdentity identity_;
  uint64_t size_ = 0;          // of the whole frames
  bool has_torn_end_ = false;  // the file has a part of a frame behind them
  core::Status closed_;        // an error if closing failed
  uint64_t entries_ = 0;
  uint32_t frames_ = 0;
  std::vector<BlockRef> blocks_;
  std::vector<Posting> postings_;
};

}  // namespace tapedeck::tape
