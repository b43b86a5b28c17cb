// The index of a segment of 1 GiB: 1,024 blocks and 10,000 topics, each of them in every 16th block.
#include "bench/micro/samples.h"
#include "engine/tape/segment_index.h"

namespace tapedeck::bench {
namespace {

constexpr uint32_t kBlocks = 1024;
constexpr uint32_t kTopics = 10'000;
constexpr uint32_t kBlocksApart = 16;
constexpr uint32_t kRecords = 8738;  // of each block

tape::BlockRef block(uint32_t number) {
  return {.offset = tape::kHeaderSize + number * (tape::kHeaderSize + kMebibyte),
          .first_sequence = core::Sequence(uint64_t{number} * kRecords),
          .time_min = core::Nanos(1'500'000'000'000'000'000 + uint64_t{number} * 87'380'000),
          .time_max = core::Nanos(1'500'000'000'000'000'000 + uint64_t{number} * 87'380'000 + 87'370'000),
          .record_count = kRecords,
          .frame_size = tape::kHeaderSize + kMebibyte,
          .payload_bytes = kRecords * 100};
}

tape::SegmentIndex segment_index() {
  tape::SegmentIndex index;
  for (uint32_t i = 0; i < kBlocks; ++i) index.blocks.push_back(block(i));
  for (uint32_t i = 0; i < kTopics; ++i) {
    tape::TopicBlocks& topic = index.topics.emplace_back();
    topic.name = {core::TopicId(i), 0, fmt::format("fixed/T{:05}", i)};
    for (uint32_t at = i % kBlocksApart; at < kBlocks; at += kBlocksApart) topic.blocks.push_back(at);
  }
  return index;
}

void describe(benchmark::State& state, size_t encoded_size) {
  state.counters["topics"] = per_second(kTopics);
  state.counters["bytes"] = per_second(encoded_size);
}

void encode_index(benchmark::State& state) {
  const tape::SegmentIndex index = segment_index();
  size_t size = 0;
  for (auto _ : state) size = tape::encode_index(index).size();
  describe(state, size);
}
BENCHMARK(encode_index)->Name("index/encode");

void decode_index(benchmark::State& state) {
  const std::vector<std::byte> body = tape::encode_index(segment_index());
  for (auto _ : state) TD_CHECK(value_or_exit(tape::decode_index(body)).topics.size() == kTopics);
  describe(state, body.size());
}
BENCHMARK(decode_index)->Name("index/decode");

}  // namespace
}  // namespace tapedeck::bench
