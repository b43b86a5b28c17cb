#include "replay/plain_sender.h"

#include <algorithm>
#include <unordered_map>

#include "engine/tape/lane_cursor.h"
#include "engine/transport/envelope.h"

namespace tapedeck::replay {
namespace {

core::Status check_name(const std::string& name) {
  const bool is_ours = name.starts_with(transport::kInBandPrefix) || name.starts_with(transport::kDataPrefix);
  if (is_ours || name.find('\0') != std::string::npos) {
    return core::fail_with(core::ExitCode::kUsage,
                           "topic '{}' cannot go over the plain wire, where names do not begin with {} or {} and have "
                           "no NUL: use --wire packed",
                           name, transport::kInBandPrefix, transport::kDataPrefix);
  }
  return {};
}

// Each with a name, and no two with the same.
void make_unique(std::vector<std::string>& names) {
  std::unordered_map<std::string_view, size_t> holders;
  for (const std::string& name : names) ++holders[name];
  std::vector<std::string> unique = names;
  for (size_t id = 0; id < names.size(); ++id) {
    if (!names[id].empty() && holders.at(names[id]) == 1) continue;
    do {
      unique[id] += fmt::format("#{}", id);
    } while (holders.contains(unique[id]));
  }
  names = std::move(unique);
}

std::vector<core::Lane> lanes_of_topics(const tape::TapeReader& tape, size_t topics) {
  std::vector<core::Lane> lanes(topics, transport::kLaneUnknown);
  for (const tape::LaneContents& lane : tape.lanes()) {
    for (const tape::Segment& segment : lane.segments) {
      for (const tape::TopicBlocks& topic : segment.index.topics) {
        const uint32_t id = topic.name.topic.value;
        if (!topic.blocks.empty() && id < topics) lanes[id] = lane.summary.lane;
      }
    }
  }
  return lanes;
}

}  // namespace

core::Result<PlainTopics> plain_topics(const tape::TapeReader& tape) {
  PlainTopics topics{.dictionary = {.tape = tape.id(), .names = tape.topic_names()},
                     .source_times = tape::has_source_times(tape)};
  std::vector<std::string>& names = topics.dictionary.names;
  // A topic whose name the tape has lost still has an id.
  names.resize(std::max<size_t>(names.size(), std::min<uint64_t>(tape.manifest().topics, tape::kTopicsMax)));
  for (const std::string& name : names) TD_TRY(check_name(name));
  make_unique(names);
  topics.dictionary.lanes = lanes_of_topics(tape, names.size());
  return topics;
}

tape::Damage PlainSender::take_block(core::Bytes& run, tape::BlockView& block) {
  TD_CHECK(tape::read_header(run, block.header) == tape::Damage::kNone);
  const core::Bytes frame = run.first(tape::frame_size(block.header));
  run = run.subspan(frame.size());
  const tape::BlockHeader header = block.header;
  if (const tape::Damage damage = opener_.open_verified(frame, header, block); damage != tape::Damage::kNone) {
    return damage;
  }
  // A subscriber makes the same records again only where all have source times or none.
  if (tape::has_source_time(header) != topics_.source_times) return tape::Damage::kStructure;
  return tape::check_records(
      block, [this](const tape::RecordView& record) { return record.topic().value < next_sequence_.size(); });
}

}  // namespace tapedeck::replay
