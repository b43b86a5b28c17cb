#include "engine/blackbox/plain_gatherer.h"

#include "engine/transport/envelope.h"

namespace tapedeck::blackbox {
namespace {

constexpr uint32_t kBlockBytes = 256u << 10;

}  // namespace

PlainGatherer::PlainGatherer(const transport::Announcement& announcement, transport::Dictionary dictionary,
                             GiveOn give_on)
    : announcement_(announcement), dictionary_(std::move(dictionary)), give_on_(std::move(give_on)) {
  for (uint32_t id = 0; id < dictionary_.names.size(); ++id) {
    const core::Lane lane = dictionary_.lanes[id];
    if (lane.value < tape::kLanesMax) add_topic(topics_, dictionary_.names[id], core::TopicId(id), lane);
  }
  blocks_.resize(tape::kLanesMax);
}

PlainGatherer::LaneBlock& PlainGatherer::block_of(core::Lane lane) {
  std::unique_ptr<LaneBlock>& block = blocks_[lane.value];
  if (!block) {
    block = std::make_unique<LaneBlock>(
        LaneBlock{.builder = {announcement_.tape, lane, announcement_.source_times, kBlockBytes}});
  }
  return *block;
}

PlainGatherer::Taken PlainGatherer::take(core::Bytes message) {
  transport::PlainMessage plain;
  if (!transport::read_plain(message, plain) || plain.payload.size() > tape::kPayloadBytesMax ||
      plain.sequence > transport::kWireSequenceMax) {
    return Taken::kForeign;
  }
  IndexedTopic* const topic = topics_.find(TopicName(plain.topic));
  if (topic == nullptr) return Taken::kForeign;
  if (plain.sequence < topic->next_sequence) return Taken::kRepeated;
  LaneBlock& block = block_of(topic->lane);
  const uint64_t missing = plain.sequence - topic->next_sequence;
  if (block.wire_sequence + block.missing + missing > transport::kWireSequenceMax) return Taken::kForeign;
  block.missing += missing;
  topic->next_sequence = plain.sequence + 1;
  if (!block.builder.fits(plain.payload.size())) give_on(topic->lane, block);
  if (block.builder.empty()) block.sent_ns = plain.sent_ns;
  block.builder.add({.capture_time = plain.capture_time,
                     .source_time = plain.source_time,
                     .topic = topic->id,
                     .ordinal = core::Ordinal(block.builder.header().record_count),
                     .payload = plain.payload});
  return Taken::kRecord;
}

void PlainGatherer::flush() {
  for (uint16_t lane = 0; lane < tape::kLanesMax; ++lane) {
    if (blocks_[lane] && !blocks_[lane]->builder.empty()) give_on(core::Lane(lane), *blocks_[lane]);
  }
}

void PlainGatherer::give_on(core::Lane lane, LaneBlock& block) {
  const uint32_t records = block.builder.header().record_count;
  const core::Bytes run = block.builder.seal(tape::Codec::kNone).value();  // only compression can fail
  zmq::message_t frame(transport::kHeadroom + run.size());
  auto* at = frame.data<std::byte>();
  std::memcpy(at + transport::kHeadroom, run.data(), run.size());
  transport::stamp_envelope({at, transport::kHeadroom}, {.lane = lane.value,
                                                         .publisher = announcement_.publisher,
                                                         .wire_sequence = block.wire_sequence,
                                                         .record_count = records,
                                                         .scheduled_ns = block.sent_ns,
                                                         .sent_ns = block.sent_ns,
                                                         .tape = announcement_.tape.value,
                                                         .run_bytes = static_cast<uint32_t>(run.size())});
  block.wire_sequence += records + block.missing;
  block.missing = 0;
  give_on_(std::move(frame));
}

}  // namespace tapedeck::blackbox
