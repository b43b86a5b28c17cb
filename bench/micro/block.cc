// Blocks of 1 MiB of 100-byte messages: built and sealed with each codec, and opened and read as a worker does it, with
// and without the pass of the checksums over them.
#include "engine/tape/block.h"

#include "bench/micro/samples.h"
#include "tools/sum_handler.h"

namespace tapedeck::bench {
namespace {

constexpr size_t kPayloadBytes = 100;

tape::BlockBuilder make_builder() {
  return {core::TapeId(1), core::Lane(0), /*has_source_time=*/false, static_cast<uint32_t>(kMebibyte)};
}

// Fills the builder's block with payloads cut from `bytes`, one behind the other.
void fill(tape::BlockBuilder& builder, core::Bytes bytes) {
  for (uint32_t i = 0; builder.fits(kPayloadBytes); ++i) {
    builder.add({.capture_time = core::Nanos(1'500'000'000'000'000'000 + uint64_t{i} * 10'000),
                 .topic = core::TopicId(i % 1000),
                 .ordinal = core::Ordinal(i),
                 .payload = bytes.subspan(i * kPayloadBytes, kPayloadBytes)});
  }
}

void write_block(benchmark::State& state, tape::Codec codec) {
  const core::Bytes bytes = market().records;
  tape::BlockBuilder builder = make_builder();
  tape::BlockHeader header;
  for (auto _ : state) {
    fill(builder, bytes);
    header = builder.header();
    benchmark::DoNotOptimize(value_or_exit(builder.seal(codec)).data());
  }
  state.counters["messages"] = per_second(header.record_count);
  state.counters["bytes"] = per_second(header.record_count * kPayloadBytes);
}
BENCHMARK_CAPTURE(write_block, none, tape::Codec::kNone);
BENCHMARK_CAPTURE(write_block, lz4, tape::Codec::kLz4);
BENCHMARK_CAPTURE(write_block, zstd, tape::Codec::kZstd);

enum class Checksums { kVerified, kKnown };

void walk_block(benchmark::State& state, Checksums checksums) {
  tape::BlockBuilder builder = make_builder();
  fill(builder, market().records);
  const core::Bytes frame = value_or_exit(builder.seal(tape::Codec::kNone));
  tape::BlockHeader header;
  TD_CHECK(tape::verify_frame(frame, header) == tape::Damage::kNone);
  const blackbox::TopicTable topics;
  tape::BlockOpener opener;
  tape::BlockView view;
  tools::Totals totals;
  {
    tools::SumHandler handler(totals);
    for (auto _ : state) {
      const tape::Damage damage =
          checksums == Checksums::kVerified ? opener.open(frame, view) : opener.open_verified(frame, header, view);
      TD_CHECK(damage == tape::Damage::kNone);
      handler.on_block({.records = view, .topics = topics});
    }
  }
  TD_CHECK(totals.payload_bytes == state.iterations() * header.record_count * kPayloadBytes);
  state.counters["messages"] = per_second(header.record_count);
  state.counters["bytes"] = per_second(header.record_count * kPayloadBytes);
}
BENCHMARK_CAPTURE(walk_block, open, Checksums::kVerified);
BENCHMARK_CAPTURE(walk_block, open_verified, Checksums::kKnown);

}  // namespace
}  // namespace tapedeck::bench
