#include "engine/tape/segment_index.h"

namespace tapedeck::tape {
namespace {

tl::unexpected<core::Error> damaged(std::string_view what) {
  return core::fail_with(core::ExitCode::kDamaged, "{}", what);
}

void append_name(std::vector<std::byte>& out, const TopicName& name) {
  core::append_le(out, name.topic.value);
  core::append_le(out, name.version);
  core::append_varint(out, name.name.size());
  core::append_bytes(out, core::as_bytes(name.name));
}

core::Result<TopicName> read_name(core::ByteReader& reader) {
  TopicName name;
  name.topic = TopicId(reader.le<uint32_t>());
  name.version = reader.le<uint32_t>();
  name.name = core::as_text(reader.take(reader.varint()));
  if (!reader.ok()) return damaged("topic name cut short");
  if (name.topic.value >= kTopicsMax || name.name.size() > kTopicNameBytesMax) return damaged("impossible topic name");
  return name;
}

void append_block(std::vector<std::byte>& out, const BlockRef& block) {
  core::append_le(out, block.offset);
  core::append_le(out, block.first_sequence.value);
  core::append_le(out, block.time_min.value);
  core::append_le(out, block.time_max.value);
  core::append_le(out, block.record_count);
  core::append_le(out, block.frame_size);
  core::append_le(out, block.payload_bytes);
}

constexpr size_t kBlockRefSize = 44;
constexpr size_t kTopicSizeMin = 10;  // with an empty name and no blocks

BlockRef read_block(core::ByteReader& reader) {
  BlockRef block;
  block.offset = reader.le<uint64_t>();
  block.first_sequence = Sequence(reader.le<uint64_t>());
  block.time_min = Nanos(reader.le<uint64_t>());
  block.time_max = Nanos(reader.le<uint64_t>());
  block.record_count = reader.le<uint32_t>();
  block.frame_size = reader.le<uint32_t>();
  block.payload_bytes = reader.le<uint32_t>();
  return block;
}

// Differences, for forged sums wrap around.
bool follows(const BlockRef& block, const BlockRef& earlier) {
  return block.offset >= earlier.offset && block.offset - earlier.offset >= earlier.frame_size &&
         block.first_sequence >= earlier.first_sequence &&
         block.first_sequence - earlier.first_sequence >= earlier.record_count;
}

core::Status read_blocks(core::ByteReader& reader, uint32_t count, std::vector<BlockRef>& blocks) {
  blocks.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const BlockRef block = read_block(reader);
    if (i > 0 && !follows(block, blocks.back())) return damaged("blocks of the index out of order");
    blocks.push_back(block);
  }
  return {};
}

// Block numbers as the differences between them.
core::Status read_topic(core::ByteReader& reader, uint32_t block_count, TopicBlocks& topic) {
  TD_ASSIGN(topic.name, read_name(reader));
  const uint64_t count = reader.varint();
  if (count > block_count || count > reader.remaining()) return damaged("topic in more blocks than there are");
  topic.blocks.reserve(count);
  uint64_t block = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t step = reader.varint();
    if (step >= block_count - block || (i > 0 && step == 0)) return damaged("topic in a block that is not there");
    block += step;
    topic.blocks.push_back(static_cast<uint32_t>(block));
  }
  return {};
}

}  // namespace

std::vector<std::byte> encode_index(const SegmentIndex& index) {
  std::vector<std::byte> out;
  out.reserve(8 + index.blocks.size() * kBlockRefSize + index.topics.size() * 48);
  core::append_le(out, static_cast<uint32_t>(index.blocks.size()));
  core::append_le(out, static_cast<uint32_t>(index.topics.size()));
  for (const BlockRef& block : index.blocks) append_block(out, block);
  for (const TopicBlocks& topic : index.topics) {
    append_name(out, topic.name);
    core::append_varint(out, topic.blocks.size());
    uint32_t last = 0;
    for (const uint32_t block : topic.blocks) {
      core::append_varint(out, block - last);
      last = block;
    }
  }
  return out;
}

core::Result<SegmentIndex> decode_index(Bytes body) {
  core::ByteReader reader(body);
  const auto block_count = reader.le<uint32_t>();
  const auto topic_count = reader.le<uint32_t>();
  if (reader.remaining() / kBlockRefSize < block_count || reader.remaining() / kTopicSizeMin < topic_count) {
    return damaged("index shorter than what it lists");
  }
  SegmentIndex index;
  TD_TRY(read_blocks(reader, block_count, index.blocks));
  index.topics.resize(topic_count);
  for (size_t i = 0; i < topic_count; ++i) {
    TD_TRY(read_topic(reader, block_count, index.topics[i]));
    if (i > 0 && index.topics[i].name.topic <= index.topics[i - 1].name.topic) {
      return damaged("topics of the index out of order");
    }
  }
  if (!reader.at_end()) return damaged("index of another length than what it lists");
  return index;
}

std::vector<std::byte> encode_names(std::span<const TopicName> names) {
  std::vector<std::byte> out;
  for (const TopicName& name : names) append_name(out, name);
  return out;
}

core::Result<std::vector<TopicName>> decode_names(Bytes body, uint32_t count) {
  core::ByteReader reader(body);
  std::vector<TopicName> names;
  for (uint32_t i = 0; i < count; ++i) {
    TD_ASSIGN(TopicName name, read_name(reader));
    names.push_back(std::move(name));
  }
  if (!reader.at_end()) return damaged("dictionary of another length than its names");
  return names;
}

std::vector<std::byte> make_frame(uint32_t magic, TapeId tape, Lane lane, uint32_t entry_count, Bytes body) {
  std::vector<std::byte> frame(kHeaderSize + core::align8(body.size()));
  if (!body.empty()) std::memcpy(frame.data() + kHeaderSize, body.data(), body.size());
  BlockHeader header;
  header.magic = magic;
  header.lane = lane.value;
  header.tape_id = tape.value;
  header.record_count = entry_count;
  header.raw_size = static_cast<uint32_t>(body.size());
  stamp_header(frame, header);
  return frame;
}

Bytes body_of(Bytes frame, const BlockHeader& header) { return frame.subspan(kHeaderSize, header.raw_size); }

}  // namespace tapedeck::tape
