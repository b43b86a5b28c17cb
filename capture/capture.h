// Captures one file into one tape, start to end. Opens the file first, so that one that is no capture leaves no tape
// behind. Whatever ends a capture early (damage in the file, a full disk, a signal), the tape is sealed with what was
// read. From a pipe, blocks are written when they are old, too. Runs in the caller's thread, which takes its place in
// the plan, and keeps it; a second one writes, and a third reads a regular pcap file ahead.
#pragma once

#include <functional>

#include "capture/summary.h"
#include "engine/core/stop.h"
#include "engine/tape/tape_writer.h"
#include "engine/topology/plan.h"

namespace tapedeck::capture {

struct CaptureOptions {
  std::filesystem::path input;  // a pcap or pcapng file
  std::filesystem::path output;
  tape::TapeOptions tape;
  feed::FeedOptions feed;
  topology::ShardPlace place{};  // of its threads; free by default
};

struct Progress {
  uint64_t bytes = 0;                   // of the file, read so far
  std::optional<uint64_t> bytes_total;  // unknown for a pipe
  uint64_t packets = 0;
  uint64_t records = 0;
  std::vector<std::string> notices{};  // sentences: what of the place could not be taken. Grows
};
// Called at the start, then about ten times a second, and when the tape is sealed.
using ProgressListener = std::function<void(const Progress&)>;

// Fails where nothing could be captured or the tape could not be written; a damaged file is told in the summary.
[[nodiscard]] core::Result<Summary> capture(const CaptureOptions& options, const core::StopFlag& stop,
                                            const ProgressListener& listener,
                                            const core::Clock& clock = core::system_clock());

}  // namespace tapedeck::capture
