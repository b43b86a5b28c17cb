#include "engine/tape/segment_repair.h"

#include "engine/tape/index_reader.h"

namespace tapedeck::tape {
namespace {

SegmentIdentity identity_of(const SegmentHeader& header) {
  return {.tape = TapeId(header.tape_id),
          .lane = Lane(header.lane),
          .kind = LaneKind{header.lane_kind},
          .segment = header.segment,
          .first_sequence = Sequence(header.first_sequence),
          .created = Nanos(header.created_ns)};
}

uint64_t records_in(const SegmentIndex& index) {
  uint64_t records = 0;
  for (const BlockRef& block : index.blocks) records += block.record_count;
  return records;
}

std::vector<TopicName> names_in(const SegmentIndex& index) {
  std::vector<TopicName> names;
  for (const TopicBlocks& topic : index.topics) names.push_back(topic.name);
  return names;
}

}  // namespace

core::Result<SegmentRepair> SegmentRepair::plan(const std::filesystem::path& path, const SegmentHeader& expected,
                                                bool cut_torn_end) {
  TD_ASSIGN(SegmentScanner scanner, SegmentScanner::open(path, expected));
  SegmentRepair repair;
  repair.path_ = path;
  repair.identity_ = identity_of(scanner.header());
  repair.header_holds_ = scanner.header_is_sound();
  TD_ASSIGN(auto index, read_index(scanner));
  if (index) {
    repair.contents_.index = std::move(*index);
  } else {
    TD_TRY(repair.plan_end(scanner, cut_torn_end));
  }
  const auto& blocks = repair.contents_.index.blocks;
  if (!repair.header_holds_ && !blocks.empty()) repair.identity_.first_sequence = blocks.front().first_sequence;
  return repair;
}

core::Status SegmentRepair::plan_end(SegmentScanner& scanner, bool cut_torn_end) {
  std::vector<DamageReport> told_by_the_reader;
  TD_ASSIGN(RebuiltSegment found, rebuild_segment(scanner, path_, told_by_the_reader));
  if (!found.has_frames && !header_holds_ && scanner.file_size() > kHeaderSize) {
    header_holds_ = true;  // nothing says that this is a segment: it is left alone
    return {};
  }
  writes_end_ = true;
  torn_size_ = cut_torn_end ? found.torn_size : 0;
  contents_.size = cut_torn_end ? found.end : found.end + found.torn_size;
  contents_.index = std::move(found.index);
  if (found.stored_index_end > 0) {
    index_offset_ = found.end;
    contents_.size = found.stored_index_end;
    contents_.index = std::move(found.stored_index);
  }
  const bool is_ledger = identity_.kind == LaneKind::kLedger;
  contents_.frames = is_ledger ? found.ledger_frames : static_cast<uint32_t>(contents_.index.blocks.size());
  contents_.entries = is_ledger ? found.ledger_entries : records_in(contents_.index);
  return {};
}

std::string SegmentRepair::describe() const {
  std::string text;
  const auto add = [&text](std::string_view what) {
    if (!text.empty()) text += "; ";
    text += what;
  };
  if (!header_holds_) add("writing its header again");
  if (torn_size_ > 0) {
    add(fmt::format("cutting off {} bytes at offset {}, a frame that was never written whole", torn_size_,
                    contents_.size));
  }
  if (writes_end_) add(index_offset_ ? "writing its footer again" : "writing its index and footer again");
  return text;
}

core::Status SegmentRepair::carry_out() const {
  TD_ASSIGN(SegmentWriter writer, SegmentWriter::reopen(path_, identity_, contents_, header_holds_));
  if (writes_end_) {
    TD_TRY(index_offset_ ? writer.seal_behind_index(*index_offset_) : writer.seal(names_in(contents_.index)));
  }
  return {};
}

Sequence SegmentRepair::next_sequence() const {
  const auto& blocks = contents_.index.blocks;
  return blocks.empty() ? identity_.first_sequence : blocks.back().first_sequence + blocks.back().record_count;
}

}  // namespace tapedeck::tape
