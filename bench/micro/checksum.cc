// CRC32C of bytes that are in the cache: as everything calls it, and each implementation that this processor can run.
#include "bench/micro/samples.h"
#include "engine/core/crc32c.h"

namespace tapedeck::bench {
namespace {

void checksum(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const core::Bytes bytes = core::Bytes(market().records).first(size);
  for (auto _ : state) benchmark::DoNotOptimize(core::crc32c(bytes));
  state.counters["bytes"] = per_second(size);
}
BENCHMARK(checksum)->ArgName("bytes")->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

void checksum_by(benchmark::State& state) {
  const core::Crc32cImplementation& implementation = core::crc32c_implementations()[state.range(0)];
  const core::Bytes bytes = core::Bytes(market().records).first(64 << 10);
  for (auto _ : state) benchmark::DoNotOptimize(implementation.update(bytes, 0));
  state.counters["bytes"] = per_second(bytes.size());
  state.SetLabel(std::string(implementation.name));
}
BENCHMARK(checksum_by)->Name("checksum/implementation")->Apply([](benchmark::internal::Benchmark* benchmark) {
  benchmark->DenseRange(0, std::ssize(core::crc32c_implementations()) - 1);
});

}  // namespace
}  // namespace tapedeck::bench
