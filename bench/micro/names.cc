// 10,000 topic names: as a dictionary frame of a tape, as the dictionary that a replay tells in band, and looked up by
// a handler.
#include <algorithm>
#include <random>

#include "bench/micro/samples.h"
#include "engine/blackbox/topic_table.h"
#include "engine/tape/segment_index.h"
#include "engine/transport/in_band.h"

namespace tapedeck::bench {
namespace {

constexpr uint32_t kNames = 10'000;

std::string name_of(uint32_t topic) { return fmt::format("fixed/T{:05}", topic); }

std::vector<tape::TopicName> tape_names() {
  std::vector<tape::TopicName> names;
  for (uint32_t i = 0; i < kNames; ++i) names.push_back({core::TopicId(i), 0, name_of(i)});
  return names;
}

transport::Dictionary in_band_dictionary() {
  transport::Dictionary dictionary{.tape = core::TapeId(1), .names = {}};
  for (uint32_t i = 0; i < kNames; ++i) dictionary.names.push_back(name_of(i));
  return dictionary;
}

void encode_names_on_tape(benchmark::State& state) {
  const std::vector<tape::TopicName> names = tape_names();
  for (auto _ : state) benchmark::DoNotOptimize(tape::encode_names(names).data());
  state.counters["names"] = per_second(kNames);
}
BENCHMARK(encode_names_on_tape)->Name("names/encode/tape");

void decode_names_on_tape(benchmark::State& state) {
  const std::vector<std::byte> body = tape::encode_names(tape_names());
  for (auto _ : state) TD_CHECK(value_or_exit(tape::decode_names(body, kNames)).size() == kNames);
  state.counters["names"] = per_second(kNames);
}
BENCHMARK(decode_names_on_tape)->Name("names/decode/tape");

void encode_names_in_band(benchmark::State& state) {
  const transport::Dictionary dictionary = in_band_dictionary();
  for (auto _ : state) benchmark::DoNotOptimize(transport::encode(dictionary).data());
  state.counters["names"] = per_second(kNames);
}
BENCHMARK(encode_names_in_band)->Name("names/encode/in_band");

void decode_names_in_band(benchmark::State& state) {
  const transport::Message message = transport::encode(in_band_dictionary());
  for (auto _ : state) TD_CHECK(value_or_exit(transport::decode_dictionary(message)).names.size() == kNames);
  state.counters["names"] = per_second(kNames);
}
BENCHMARK(decode_names_in_band)->Name("names/decode/in_band");

// Every name once, in an order that no prefetcher knows.
void look_up_names(benchmark::State& state) {
  blackbox::TopicTable table;
  table.set(in_band_dictionary().names);
  std::vector<core::TopicId> topics;
  for (uint32_t i = 0; i < kNames; ++i) topics.emplace_back(i);
  std::ranges::shuffle(topics, std::mt19937(1));
  for (auto _ : state) {
    uint32_t sum = 0;
    for (const core::TopicId topic : topics) sum += static_cast<uint8_t>(table.name(topic).front());
    TD_CHECK(sum == kNames * uint32_t{'f'});
  }
  state.counters["names"] = per_second(kNames);
}
BENCHMARK(look_up_names)->Name("names/look_up");

}  // namespace
}  // namespace tapedeck::bench
