// The index of one segment: where its blocks are and what times and topics they hold. It stands in the segment's last
// frame, together with the topic names that its records need, so that a reader opens a tape without touching a block
// (docs/tape-format.md, "Index").
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/core/status.h"
#include "engine/tape/block.h"

namespace tapedeck::tape {

// Where one block is.
struct BlockRef {
  uint64_t offset = 0;  // of its header in the segment file
  Sequence first_sequence{};
  Nanos time_min{};
  Nanos time_max{};
  uint32_t record_count = 0;
  uint32_t frame_size = 0;     // header, payload and side column
  uint32_t payload_bytes = 0;  // of its records, without heads and padding
  auto operator<=>(const BlockRef&) const = default;
};

struct TopicName {
  TopicId topic{};
  uint32_t version = 0;  // of several names for one topic the one with the highest version holds
  std::string name;
  auto operator<=>(const TopicName&) const = default;
};

struct TopicBlocks {
  TopicName name;
  std::vector<uint32_t> blocks;  // numbers within the segment, ascending
};

struct SegmentIndex {
  std::vector<BlockRef> blocks;     // ascending by offset and sequence
  std::vector<TopicBlocks> topics;  // ascending by id; without blocks where only the name is told
};

[[nodiscard]] std::vector<std::byte> encode_index(const SegmentIndex& index);
// Fails on bytes that are no index, or one whose blocks or topics are not in order.
[[nodiscard]] core::Result<SegmentIndex> decode_index(Bytes body);

// The body of a dictionary frame.
[[nodiscard]] std::vector<std::byte> encode_names(std::span<const TopicName> names);
[[nodiscard]] core::Result<std::vector<TopicName>> decode_names(Bytes body, uint32_t count);

// A whole frame of another kind than a block: `body`, padded and stamped.
[[nodiscard]] std::vector<std::byte> make_frame(uint32_t magic, TapeId tape, Lane lane, uint32_t entry_count,
                                                Bytes body);
// The body of such a frame, without padding.
[[nodiscard]] Bytes body_of(Bytes frame, const BlockHeader& header);

}  // namespace tapedeck::tape
