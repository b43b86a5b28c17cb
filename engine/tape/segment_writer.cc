#include "engine/tape/segment_writer.h"

#include <algorithm>
#include <array>

#include "engine/core/crc32c.h"

namespace tapedeck::tape {
namespace {

constexpr size_t kNamesPerFrame = 1u << 16;

// Headers and footers: 64 bytes, the last four of them the checksum of the rest.
template <class Header>
std::array<std::byte, kHeaderSize> stamped(Header header) {
  std::array<std::byte, kHeaderSize> bytes{};
  std::memcpy(bytes.data(), &header, kHeaderSize);
  core::store_le(bytes.data() + kHeaderSize - 4, core::crc32c(Bytes(bytes).first(kHeaderSize - 4)));
  return bytes;
}

SegmentHeader make_header(const SegmentIdentity& identity) {
  SegmentHeader header;
  header.lane_kind = static_cast<uint8_t>(identity.kind);
  header.lane = identity.lane.value;
  header.tape_id = identity.tape.value;
  header.created_ns = identity.created.value;
  header.first_sequence = identity.first_sequence.value;
  header.segment = identity.segment;
  return header;
}

}  // namespace

core::Result<SegmentWriter> SegmentWriter::create(const std::filesystem::path& path, const SegmentIdentity& identity) {
  SegmentWriter writer;
  TD_ASSIGN(writer.file_, core::File::open(path, core::File::Mode::kCreate));
  writer.identity_ = identity;
  if (const core::Status written = writer.append(stamped(make_header(identity))); !written) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return tl::unexpected(written.error());
  }
  return writer;
}

core::Result<SegmentWriter> SegmentWriter::reopen(const std::filesystem::path& path, const SegmentIdentity& identity,
                                                  const SegmentContents& contents, bool header_holds) {
  SegmentWriter writer;
  TD_ASSIGN(writer.file_, core::File::open(path, core::File::Mode::kUpdate));
  writer.identity_ = identity;
  writer.size_ = contents.size;
  writer.has_torn_end_ = true;
  writer.frames_ = contents.frames;
  writer.entries_ = contents.entries;
  writer.blocks_ = contents.index.blocks;
  for (const TopicBlocks& topic : contents.index.topics) {
    for (const uint32_t block : topic.blocks) writer.postings_.push_back({topic.name.topic, block});
  }
  if (!header_holds) TD_TRY(writer.file_.write_at(0, stamped(make_header(identity))));
  return writer;
}

core::Status SegmentWriter::append(Bytes bytes) {
  TD_TRY(closed_);
  if (has_torn_end_) TD_TRY(file_.truncate(size_));
  has_torn_end_ = false;
  if (core::Status written = file_.append(bytes); !written) {
    has_torn_end_ = !file_.truncate(size_);
    return written;
  }
  size_ += bytes.size();
  return {};
}

core::Status SegmentWriter::write_block(Bytes frame, uint64_t payload_bytes, std::span<const TopicId> topics) {
  BlockHeader header;
  TD_CHECK(frame.size() >= kHeaderSize);
  std::memcpy(&header, frame.data(), kHeaderSize);
  const BlockRef block{.offset = size_,
                       .first_sequence = Sequence(header.first_sequence),
                       .time_min = Nanos(header.time_min_ns),
                       .time_max = Nanos(header.time_max_ns),
                       .record_count = header.record_count,
                       .frame_size = static_cast<uint32_t>(frame.size()),
                       .payload_bytes = static_cast<uint32_t>(payload_bytes)};
  TD_TRY(append(frame));
  for (const TopicId topic : topics) postings_.push_back({topic, static_cast<uint32_t>(blocks_.size())});
  blocks_.push_back(block);
  entries_ += header.record_count;
  ++frames_;
  return {};
}

core::Status SegmentWriter::write_names(std::span<const TopicName> names) {
  while (!names.empty()) {
    const auto some = names.first(std::min(names.size(), kNamesPerFrame));
    TD_TRY(append(make_frame(kDictionaryMagic, identity_.tape, identity_.lane, static_cast<uint32_t>(some.size()),
                             encode_names(some))));
    names = names.subspan(some.size());
  }
  return {};
}

core::Status SegmentWriter::write_entries(uint32_t magic, uint32_t entries, Bytes body) {
  TD_TRY(append(make_frame(magic, identity_.tape, identity_.lane, entries, body)));
  entries_ += entries;
  ++frames_;
  return {};
}

SegmentIndex SegmentWriter::build_index(std::vector<TopicName> names) const {
  SegmentIndex index;
  index.blocks = blocks_;
  std::vector<uint32_t> place_of(names.empty() ? 0 : names.back().topic.value + 1);  // in index.topics, by topic id
  for (TopicName& name : names) {
    place_of[name.topic.value] = static_cast<uint32_t>(index.topics.size());
    index.topics.push_back({std::move(name), {}});
  }
  for (const Posting& posting : postings_) {
    index.topics[place_of[posting.topic.value]].blocks.push_back(posting.block);
  }
  return index;
}

SegmentFooter SegmentWriter::make_footer(uint64_t index_offset) const {
  SegmentFooter footer;
  footer.lane_kind = static_cast<uint8_t>(identity_.kind);
  footer.lane = identity_.lane.value;
  footer.tape_id = identity_.tape.value;
  footer.segment = identity_.segment;
  footer.block_count = frames_;
  footer.record_count = entries_;
  footer.index_offset = index_offset;
  if (!blocks_.empty()) {
    footer.time_min_ns = std::ranges::min_element(blocks_, {}, &BlockRef::time_min)->time_min.value;
    footer.time_max_ns = std::ranges::max_element(blocks_, {}, &BlockRef::time_max)->time_max.value;
  }
  return footer;
}

core::Status SegmentWriter::seal(std::vector<TopicName> names) {
  const auto entries = static_cast<uint32_t>(blocks_.size());
  std::vector<std::byte> end =
      make_frame(kIndexMagic, identity_.tape, identity_.lane, entries, encode_index(build_index(std::move(names))));
  core::append_bytes(end, stamped(make_footer(size_)));
  TD_TRY(append(end));
  return close();
}

core::Status SegmentWriter::seal_behind_index(uint64_t index_offset) {
  TD_TRY(append(stamped(make_footer(index_offset))));
  return close();
}

// What the disk has of a file that could not be closed is not known, not even of the blocks written long before; and
// the system has let go of the file. Whoever tries again is told the same; recover reads what is there.
core::Status SegmentWriter::close() {
  closed_ = file_.close();
  return closed_;
}

}  // namespace tapedeck::tape
