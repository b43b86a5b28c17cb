// The codecs on 1 MiB of a market's records. "bytes" are those of the records, "ratio" is how much smaller they become.
#include "engine/tape/codec.h"

#include <algorithm>

#include "bench/micro/samples.h"

namespace tapedeck::bench {
namespace {

core::Bytes block_of_market() { return core::Bytes(market().records).first(kMebibyte); }

void describe(benchmark::State& state, core::Bytes raw, size_t compressed_size) {
  state.counters["bytes"] = per_second(raw.size());
  state.counters["ratio"] = static_cast<double>(raw.size()) / static_cast<double>(compressed_size);
  state.SetLabel(market().name);
}

void compress(benchmark::State& state, tape::Codec codec) {
  const core::Bytes raw = block_of_market();
  std::vector<std::byte> out(raw.size());
  tape::Compressor compressor;
  size_t size = 0;
  for (auto _ : state) size = value_or_exit(compressor.compress(codec, raw, out));
  TD_CHECK(size > 0);
  describe(state, raw, size);
}
BENCHMARK_CAPTURE(compress, lz4, tape::Codec::kLz4);
BENCHMARK_CAPTURE(compress, zstd, tape::Codec::kZstd);

void decompress(benchmark::State& state, tape::Codec codec) {
  const core::Bytes raw = block_of_market();
  std::vector<std::byte> compressed(raw.size());
  compressed.resize(value_or_exit(tape::Compressor().compress(codec, raw, compressed)));
  std::vector<std::byte> out(raw.size());
  tape::Decompressor decompressor;
  for (auto _ : state) TD_CHECK(decompressor.decompress(codec, compressed, out));
  TD_CHECK(std::ranges::equal(out, raw));
  describe(state, raw, compressed.size());
}
BENCHMARK_CAPTURE(decompress, lz4, tape::Codec::kLz4);
BENCHMARK_CAPTURE(decompress, zstd, tape::Codec::kZstd);

}  // namespace
}  // namespace tapedeck::bench
