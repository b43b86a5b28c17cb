#include "replay/selection.h"

#include <algorithm>
#include <regex>

#include "engine/core/parse.h"

namespace tapedeck::replay {

using core::ExitCode;
using core::fail_with;
using core::Nanos;

namespace {

core::Result<std::regex> compile(const std::string& expression) {
  try {
    return std::regex(expression, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return fail_with(ExitCode::kUsage, "bad regular expression '{}': {}", expression, error.what());
  }
}

Nanos plus(Nanos time, int64_t duration_ns) {
  const auto add = static_cast<uint64_t>(duration_ns);
  return time.value > UINT64_MAX - add ? Nanos(UINT64_MAX) : time + add;
}

}  // namespace

core::Result<Selection> Selection::make(const tape::TapeReader& tape, const SelectionOptions& options) {
  Selection selection;
  TD_TRY(selection.set_times(tape, options));
  TD_TRY(selection.set_topics(tape, options));
  TD_TRY(selection.set_lanes(tape, options));
  return selection;
}

core::Status Selection::set_times(const tape::TapeReader& tape, const SelectionOptions& options) {
  if (options.start && options.start_offset_ns) {
    return fail_with(ExitCode::kUsage, "--start and --start-offset exclude each other");
  }
  if (options.end && options.duration_ns) {
    return fail_with(ExitCode::kUsage, "--end and --duration exclude each other");
  }
  const Nanos first(tape.totals().time_min_ns);
  const Nanos last(tape.totals().time_max_ns);
  start_ = options.start.value_or(options.start_offset_ns ? plus(first, *options.start_offset_ns) : first);
  end_ = options.end.value_or(options.duration_ns ? plus(start_, *options.duration_ns) : last);
  if (end_ < start_) {
    return fail_with(ExitCode::kUsage, "the stretch ends at {}, before it starts at {}", core::format_time(end_),
                     core::format_time(start_));
  }
  if (tape.totals().records > 0 && (start_ > last || end_ < first)) {
    return fail_with(ExitCode::kUsage, "nothing to replay: the tape goes from {} to {}, the stretch from {} to {}",
                     core::format_time(first), core::format_time(last), core::format_time(start_),
                     core::format_time(end_));
  }
  all_times_ = start_ <= first && end_ >= last;
  start_ = std::max(start_, first);
  end_ = std::min(end_, last);
  return {};
}

core::Status Selection::set_topics(const tape::TapeReader& tape, const SelectionOptions& options) {
  if (options.topics.empty() && options.regex.empty() && options.exclude.empty()) return {};
  const std::vector<std::string>& names = tape.topic_names();
  for (const std::string& topic : options.topics) {
    if (std::find(names.begin(), names.end(), topic) == names.end()) {
      return fail_with(ExitCode::kUsage, "the tape has no topic '{}'{}", topic,
                       names.empty() ? "" : fmt::format("; it has {}, '{}' for one", names.size(), names.front()));
    }
  }
  TD_ASSIGN(const std::regex wanted, compile(options.regex));
  TD_ASSIGN(const std::regex unwanted, compile(options.exclude));
  const bool all_but_excluded = options.topics.empty() && options.regex.empty();
  topics_.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const bool listed = std::find(options.topics.begin(), options.topics.end(), names[i]) != options.topics.end();
    const bool chosen = all_but_excluded || listed || (!options.regex.empty() && std::regex_search(names[i], wanted));
    topics_[i] = chosen && !(!options.exclude.empty() && std::regex_search(names[i], unwanted));
  }
  if (std::find(topics_.begin(), topics_.end(), true) == topics_.end()) {
    return fail_with(ExitCode::kUsage, "no topic of the tape is left by --topics, --regex and --exclude");
  }
  all_topics_ = std::find(topics_.begin(), topics_.end(), false) == topics_.end();
  return {};
}

core::Status Selection::set_lanes(const tape::TapeReader& tape, const SelectionOptions& options) {
  for (const core::Lane lane : options.lanes) {
    const auto is_it = [lane](const tape::LaneContents& contents) { return contents.summary.lane == lane; };
    if (std::ranges::none_of(tape.lanes(), is_it)) {
      return fail_with(ExitCode::kUsage, "the tape has no lane {}; it has {}, {} to {}", lane, tape.lanes().size(),
                       tape.lanes().front().summary.lane, tape.lanes().back().summary.lane);
    }
  }
  if (options.lanes.size() < tape.lanes().size()) lanes_ = {options.lanes.begin(), options.lanes.end()};
  return {};
}

std::vector<Wanted> Selection::of_segment(const tape::Segment& segment) const {
  const size_t count = segment.index.blocks.size();
  std::vector<bool> has_wanted(count, all_topics_);
  std::vector<bool> has_unwanted(count, false);
  if (!all_topics_) {
    for (const tape::TopicBlocks& topic : segment.index.topics) {
      for (const uint32_t block : topic.blocks) (wants(topic.name.topic) ? has_wanted : has_unwanted)[block] = true;
    }
  }
  std::vector<Wanted> result(count);
  for (size_t i = 0; i < count; ++i) {
    const tape::BlockRef& block = segment.index.blocks[i];
    if (!has_wanted[i] || block.time_max < start_ || block.time_min > end_) {
      result[i] = Wanted::kNone;
    } else {
      const bool whole = !has_unwanted[i] && block.time_min >= start_ && block.time_max <= end_;
      result[i] = whole ? Wanted::kWhole : Wanted::kPart;
    }
  }
  return result;
}

}  // namespace tapedeck::replay
