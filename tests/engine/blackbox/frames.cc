#include "tests/engine/blackbox/frames.h"

namespace tapedeck::blackbox {

ByteVector make_block(uint16_t lane, uint64_t first, uint32_t count, tape::Codec codec) {
  tape::BlockBuilder builder(core::TapeId(1), core::Lane(lane), true, 1u << 20);
  for (uint64_t i = first; i < first + count; ++i) {
    const std::string text = payload(lane, i);
    builder.add({.capture_time = core::Nanos(1'500'000'000'000'000'000 + i),
                 .source_time = core::Nanos(i),
                 .topic = core::TopicId(lane),
                 .source = {},
                 .ordinal = core::Ordinal(i),
                 .payload = core::as_bytes(text)});
  }
  const auto sealed = builder.seal(codec);
  return {sealed->begin(), sealed->end()};
}

ByteVector make_frame(uint16_t lane, uint64_t wire_sequence, uint32_t count, const std::vector<ByteVector>& blocks,
                      uint64_t publisher) {
  ByteVector frame(transport::kHeadroom);
  for (const ByteVector& block : blocks) core::append_bytes(frame, block);
  transport::stamp_envelope(frame, {.lane = lane,
                                    .publisher = publisher,
                                    .wire_sequence = wire_sequence,
                                    .record_count = count,
                                    .tape = 1,
                                    .run_bytes = static_cast<uint32_t>(frame.size() - transport::kHeadroom)});
  return frame;
}

ByteVector make_frame(uint16_t lane, uint64_t first, uint32_t count, uint64_t publisher) {
  return make_frame(lane, first, count, {make_block(lane, first, count)}, publisher);
}

std::string payload(uint16_t lane, uint64_t number) { return fmt::format("{}:{}", lane, number); }

std::vector<std::string> payloads(uint16_t lane, uint64_t first, uint64_t count) {
  std::vector<std::string> all;
  for (uint64_t i = first; i < first + count; ++i) all.push_back(payload(lane, i));
  return all;
}

std::string digest_of(const std::map<uint16_t, uint32_t>& counts) {
  std::map<core::Lane, tape::LaneDigest> lanes;
  for (const auto& [lane, count] : counts) {
    tape::BlockHeader header;
    TD_CHECK(tape::read_header(make_block(lane, 0, count), header) == tape::Damage::kNone);
    lanes[core::Lane(lane)].add(count, header.raw_crc, header.raw_size);
  }
  return tape::tape_digest(lanes);
}

void KeepingHandler::on_block(const Block& block) {
  const std::lock_guard lock(kept_.mutex);
  kept_.blocks[block.lane.value].push_back(block.wire_sequence);
  for (const tape::RecordView record : block.records) {
    kept_.payloads[block.lane.value].emplace_back(core::as_text(record.payload()));
    kept_.topics.emplace_back(block.topics.name(record.topic()));
  }
}

}  // namespace tapedeck::blackbox
