// The bodies of frames that are no blocks: index, dictionary, ledger; and the side column of blocks. The first byte of
// the input tells which, the rest is the body. What decodes encodes to what decodes to the same.
#include "engine/tape/ledger.h"
#include "engine/tape/ordinals.h"
#include "engine/tape/segment_index.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

void read_index(Bytes body) {
  const auto index = tape::decode_index(body);
  if (!index) return;
  for (const tape::TopicBlocks& topic : index->topics) {
    TD_CHECK(std::ranges::all_of(topic.blocks, [&](uint32_t block) { return block < index->blocks.size(); }));
    TD_CHECK(std::ranges::is_sorted(topic.blocks));
  }
  TD_CHECK(std::ranges::is_sorted(index->blocks, {}, &tape::BlockRef::offset));
  TD_CHECK(std::ranges::is_sorted(index->blocks, {}, &tape::BlockRef::first_sequence));
  const ByteVector encoded = tape::encode_index(*index);
  const auto again = tape::decode_index(encoded);
  TD_CHECK(again && again->blocks == index->blocks && again->topics.size() == index->topics.size());
  TD_CHECK(tape::encode_index(*again) == encoded);
}

void read_names(Bytes body, uint32_t count) {
  const auto names = tape::decode_names(body, count);
  if (!names) return;
  TD_CHECK(names->size() == count);
  const auto again = tape::decode_names(tape::encode_names(*names), count);
  TD_CHECK(again && *again == *names);
}

void read_losses(Bytes body) {
  const auto losses = tape::decode_losses(body);
  if (!losses) return;
  const ByteVector encoded = tape::encode_losses(*losses);
  const auto again = tape::decode_losses(encoded);
  TD_CHECK(again && again->size() == losses->size() && tape::encode_losses(*again) == encoded);
}

void read_ordinals(Bytes column, uint32_t count) {
  const auto arrivals = tape::decode_ordinals(column, count);
  if (!arrivals) return;
  TD_CHECK(arrivals->size() == count);
  tape::OrdinalColumnBuilder builder;
  for (const tape::Arrival& arrival : *arrivals) builder.add(arrival.source, arrival.ordinal);
  const auto again = tape::decode_ordinals(builder.finish(0), count);
  TD_CHECK(again && std::ranges::equal(*again, *arrivals, [](const tape::Arrival& a, const tape::Arrival& b) {
             return a.source == b.source && a.ordinal == b.ordinal;
           }));
}

}  // namespace

void run_one(Bytes bytes) {
  Input input(bytes);
  const uint8_t kind = input.byte();
  const uint32_t count = input.byte();
  const ByteVector body = copy_of(input.rest());
  switch (kind % 4) {
    case 0: return read_index(body);
    case 1: return read_names(body, count);
    case 2: return read_losses(body);
    default: return read_ordinals(body, count);
  }
}

}  // namespace tapedeck::fuzz
