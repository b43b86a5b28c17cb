// One block of any bytes, opened as a reader opens it; a sound one is built again from its records. The first byte of
// the input tells whether checksums are put right; the rest is the frame.
#include "engine/core/crc32c.h"
#include "engine/tape/block.h"
#include "engine/tape/codec.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"

namespace tapedeck::fuzz {
namespace {

using tape::BlockView;
using tape::Damage;

struct Field {
  tape::Record record;
  bool operator==(const Field& other) const {
    return record.capture_time == other.record.capture_time && record.source_time == other.record.source_time &&
           record.topic == other.record.topic && record.source == other.record.source &&
           record.ordinal == other.record.ordinal && std::ranges::equal(record.payload, other.record.payload);
  }
};

// Empty where the side column is damaged.
std::vector<Field> fields_of(const BlockView& block) {
  std::vector<Field> fields;
  const auto arrivals = tape::decode_ordinals(block.side_column, block.size());
  if (!arrivals) return fields;
  TD_CHECK(arrivals->size() == block.size());
  for (const tape::RecordView record : block) {
    const tape::Arrival arrival = (*arrivals)[fields.size()];
    fields.push_back({{.capture_time = record.capture_time(),
                       .source_time = record.source_time(),
                       .topic = record.topic(),
                       .source = arrival.source,
                       .ordinal = arrival.ordinal,
                       .payload = record.payload()}});
  }
  return fields;
}

tape::BlockBuilder builder_like(const BlockView& block) {
  return {core::TapeId(block.header.tape_id), core::Lane(block.header.lane), tape::has_source_time(block.header),
          block.header.raw_size};
}

// What is built from the same fields reads as the same fields.
void rebuild(const BlockView& block, const std::vector<Field>& fields, tape::Codec codec) {
  tape::BlockBuilder builder = builder_like(block);
  for (const Field& field : fields) {
    TD_CHECK(builder.fits(field.record.payload.size()));
    builder.add(field.record);
  }
  const auto frame = builder.seal(codec);
  TD_CHECK(frame.has_value());
  tape::BlockOpener opener;
  BlockView again;
  TD_CHECK(opener.open(*frame, again) == Damage::kNone);
  TD_CHECK(tape::check_records(again) == Damage::kNone);
  TD_CHECK(fields_of(again) == fields);
  TD_CHECK(again.header.raw_size == block.header.raw_size);
}

}  // namespace

void run_one(Bytes bytes) {
  Input input(bytes);
  const bool repair = (input.byte() & 1) != 0;
  ByteVector frame = copy_of(input.rest());
  if (repair) repair_frame(frame);
  tape::BlockHeader header;
  const Damage verified = tape::verify_frame(frame, header);
  TD_CHECK(!tape::damage_name(verified).empty());
  tape::BlockOpener opener;
  BlockView block;
  if (opener.open(frame, block) != Damage::kNone) return;
  TD_CHECK(verified == Damage::kNone && tape::frame_size(header) <= frame.size());
  TD_CHECK(core::crc32c(block.records.bytes()) == header.raw_crc);
  if (tape::check_records(block) != Damage::kNone) return;
  const std::vector<Field> fields = fields_of(block);
  if (fields.empty()) return;
  for (const tape::Codec codec : tape::kCodecs) rebuild(block, fields, codec);
}

}  // namespace tapedeck::fuzz
