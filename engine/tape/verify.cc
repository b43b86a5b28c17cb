#include "engine/tape/verify.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "engine/tape/index_reader.h"
#include "engine/tape/lane_cursor.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

class SegmentVerifier {
 public:
  SegmentVerifier(const TapeReader& tape, Lane lane, const Segment& segment, Verification& result)
      : tape_(tape),
        lane_(lane),
        segment_(segment),
        name_(segment.path.lexically_relative(tape.path())),
        result_(result) {}

  // `next_sequence` is that of the lane's next record, before the segment and behind it.
  core::Status run(uint64_t& next_sequence) {
    SegmentHeader expected;
    expected.lane_kind = static_cast<uint8_t>(LaneKind::kData);
    expected.lane = lane_.value;
    expected.tape_id = tape_.id().value;
    expected.segment = segment_.number;
    TD_ASSIGN(SegmentScanner scanner, SegmentScanner::open(segment_.path, expected));
    const size_t damage_before = result_.damage.size();
    for (;;) {
      TD_ASSIGN(const auto item, scanner.next());
      if (item == SegmentScanner::Item::kEnd) break;
      item == SegmentScanner::Item::kFrame ? add(scanner.frame(), next_sequence) : add(scanner.damage(), next_sequence);
    }
    if (damage_before == result_.damage.size()) compare_index(scanner.header());
    return {};
  }

 private:
  void add(const SegmentScanner::Frame& frame, uint64_t& next_sequence) {
    const Damage damage = verify_frame_contents(frame, next_sequence);
    if (damage == Damage::kNone) {
      if (frame.header.magic == kBlockMagic) next_sequence = frame.header.first_sequence + frame.header.record_count;
      return;
    }
    const SegmentScanner::DamagedPart part{frame.offset, frame.bytes.size(), damage, true, frame.header};
    add(part, next_sequence);
  }

  void add(const SegmentScanner::DamagedPart& part, uint64_t& next_sequence) {
    result_.damage.push_back(part_damage(name_, part));
    if (part.offset == 0 || (part.header_is_sound && part.header.magic != kBlockMagic)) return;
    ++result_.damaged_blocks;
    if (part.header_is_sound) {
      next_sequence = std::max(next_sequence, part.header.first_sequence + part.header.record_count);
    }
  }

  // Frames of a kind that we do not know are whole when their checksums hold.
  Damage verify_frame_contents(const SegmentScanner::Frame& frame, uint64_t next_sequence) {
    const BlockHeader& header = frame.header;
    if (header.magic == kBlockMagic) return verify_block(frame, next_sequence);
    if (header.magic == kDictionaryMagic) {
      auto names = decode_names(body_of(frame.bytes, header), header.record_count);
      if (!names) return Damage::kStructure;
      rebuilder_.add_names(std::move(*names));
    }
    if (header.magic == kIndexMagic) {
      auto index = decode_index(body_of(frame.bytes, header));
      if (!index) return Damage::kStructure;
      stored_index_ = std::move(*index);
    }
    return Damage::kNone;
  }

  Damage verify_block(const SegmentScanner::Frame& frame, uint64_t next_sequence) {
    BlockView block;
    Damage damage = opener_.open_verified(frame.bytes, frame.header, block);
    if (damage == Damage::kNone) damage = check_records(block);
    if (damage != Damage::kNone) return damage;
    if (!decode_ordinals(block.side_column, block.size())) return Damage::kStructure;
    if (frame.header.first_sequence < next_sequence) return Damage::kRepeated;
    rebuilder_.add_block(frame.offset, static_cast<uint32_t>(frame.bytes.size()), block);
    ++result_.blocks;
    result_.records += block.size();
    result_.digests[lane_].add(block.size(), block.header.raw_crc, block.header.raw_size);
    return Damage::kNone;
  }

  // What the segment says about itself, where nothing in it is damaged, against what it holds.
  void compare_index(const SegmentHeader& header) {
    SegmentIndex found = rebuilder_.finish();
    if (found.blocks != segment_.index.blocks) note("its index lists other blocks than it has");
    if (!found.blocks.empty() && found.blocks.front().first_sequence.value != header.first_sequence) {
      note("its header says another first record than its first block");
    }
    if (!stored_index_) return;
    // Topics without blocks are there for their names only.
    const auto is_name_only = [](const TopicBlocks& topic) { return topic.blocks.empty(); };
    std::erase_if(found.topics, is_name_only);
    std::erase_if(stored_index_->topics, is_name_only);
    const auto is_same = [](const TopicBlocks& a, const TopicBlocks& b) {
      return a.name.topic == b.name.topic && a.blocks == b.blocks;
    };
    if (!std::ranges::equal(found.topics, stored_index_->topics, is_same)) {
      note("its index lists other topics or blocks of topics than it has");
    }
  }

  void note(std::string what) { result_.damage.push_back({.file = name_, .what = std::move(what)}); }

  const TapeReader& tape_;
  Lane lane_;
  const Segment& segment_;
  fs::path name_;
  Verification& result_;
  BlockOpener opener_;
  IndexRebuilder rebuilder_;
  std::optional<SegmentIndex> stored_index_;
};

// Adds what opening the tape has found, except for parts of files that are told already.
void add_once(const std::vector<DamageReport>& more, std::vector<DamageReport>& damage) {
  const auto place = [](const DamageReport& d) { return std::tuple(d.file, d.offset, d.size); };
  std::set<std::tuple<fs::path, uint64_t, uint64_t>> told;
  for (const DamageReport& one : damage) told.insert(place(one));
  for (const DamageReport& one : more) {
    if (one.size == 0 || !told.contains(place(one))) damage.push_back(one);
  }
}

// Where each lane ended, as far as lost records tell.
std::map<Lane, uint64_t> ends_of_lost_records(const std::vector<Loss>& losses) {
  std::map<Lane, uint64_t> ends;
  for (const Loss& loss : losses) ends[loss.lane] = std::max(ends[loss.lane], loss.first + loss.count);
  return ends;
}

uint64_t records_told(const Manifest& manifest, const std::vector<Loss>& losses) {
  uint64_t records = 0;
  for (const Loss& loss : losses) records += loss.count;
  for (const LaneSummary& lane : manifest.lanes) records += lane.kind == LaneKind::kData ? lane.records : 0;
  return records;
}

}  // namespace

core::Result<Verification> verify(const TapeReader& tape) {
  Verification result;
  std::map<Lane, uint64_t> ends = ends_of_lost_records(tape.lost_records());  // and by the sequences of the blocks
  for (const LaneContents& lane : tape.lanes()) {
    uint64_t next_sequence = 0;
    for (const Segment& segment : lane.segments) {
      TD_TRY(SegmentVerifier(tape, lane.summary.lane, segment, result).run(next_sequence));
    }
    uint64_t& end = ends[lane.summary.lane];
    end = std::max(end, next_sequence);
  }
  add_once(tape.damage(), result.damage);
  uint64_t expected = 0;
  for (const auto& [lane, end] : ends) expected += end;
  expected = std::max({expected, tape.totals().records, records_told(tape.manifest(), tape.lost_records())});
  if (expected > result.records) result.records_lost = expected - result.records;
  return result;
}

std::map<Lane, LaneDigest> compute_digests(const TapeReader& tape, std::vector<DamageReport>& damage) {
  std::map<Lane, LaneDigest> digests;
  for (const LaneContents& lane : tape.lanes()) {
    LaneCursor cursor(tape, lane);
    for (auto item = cursor.next(); item != LaneCursor::Item::kEnd; item = cursor.next()) {
      if (item == LaneCursor::Item::kDamage) {
        damage.push_back(cursor.damage());
      } else if (const Damage found = check_records(cursor.block()); found != Damage::kNone) {
        damage.push_back(cursor.as_damage(damage_name(found)));
      } else {
        // The opener has computed the checksum of these very bytes and found it equal to the header's.
        const BlockView& block = cursor.block();
        digests[lane.summary.lane].add(block.size(), block.header.raw_crc, block.header.raw_size);
      }
    }
  }
  return digests;
}

}  // namespace tapedeck::tape
