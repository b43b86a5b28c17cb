#include "capture/capture.h"

#include <fmt/format.h>

#include "engine/core/notices.h"
#include "engine/topology/pinning.h"

namespace tapedeck::capture {
namespace {

constexpr uint64_t kPacketsPerLook = 1024;  // at the clock
constexpr uint64_t kPacketsPerFlush = 256;
constexpr int64_t kProgressInterval_ns = 100'000'000;

// Tells the listener how far the capture is, now and then.
class ProgressTicker {
 public:
  ProgressTicker(const ProgressListener& listener, const core::Notices& notices, const core::Clock& clock)
      : listener_(listener), notices_(notices), clock_(clock) {}

  void look(const PcapSource& source, const Recorder& recorder, const tape::TapeWriter& writer) {
    if (recorder.counts().packets % kPacketsPerLook != 0) return;
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns < due_ns_) return;
    due_ns_ = now_ns + kProgressInterval_ns;
    tell(source, recorder, writer);
  }

  void tell(const PcapSource& source, const Recorder& recorder, const tape::TapeWriter& writer) const {
    if (!listener_) return;
    listener_({source.position(), source.size(), recorder.counts().packets, writer.records(), notices_.all()});
  }

 private:
  const ProgressListener& listener_;
  const core::Notices& notices_;
  const core::Clock& clock_;
  int64_t due_ns_ = 0;
};

// Reads until the end, damage, or a signal; `summary` is told which. What comes from a pipe may be live: its blocks are
// written when they are old, whether more comes or not.
core::Status read_all(PcapSource& source, Recorder& recorder, tape::TapeWriter& writer, const core::StopFlag& stop,
                      ProgressTicker& ticker, Summary& summary) {
  const bool is_live = !source.size();
  core::Status flushed;
  source.when_idle([&] { return flushed = writer.flush_due(); });
  CapturedPacket packet;
  while (!stop.requested()) {
    ticker.look(source, recorder, writer);
    if (is_live && recorder.counts().packets % kPacketsPerFlush == 0) TD_TRY(writer.flush_due());
    switch (source.next(packet)) {
      case PcapSource::Next::kPacket: TD_TRY(recorder.record(packet)); break;
      case PcapSource::Next::kEnd: return {};
      case PcapSource::Next::kDamaged:
        if (stop.requested()) break;  // the signal broke off a read
        TD_TRY(flushed);              // the disk did
        summary.damage = source.damage();
        return recorder.note_cut_file();
    }
  }
  summary.interrupted = true;
  return {};
}

void count(const Recorder& recorder, const tape::TapeWriter& writer, Summary& summary) {
  summary.packets = recorder.counts();
  summary.feed = recorder.feed().counts();
  summary.messages = recorder.feed().messages();
  summary.flows = recorder.feed().flows().size();
  summary.untracked_packets = recorder.feed().flows().untracked_packets();
  summary.records = writer.records();
  summary.topics = writer.topic_count();
  summary.gaps = writer.gaps();
  summary.messages_lost = writer.messages_lost();
}

uint64_t size_of(const tape::Manifest& manifest) {
  uint64_t bytes = manifest.ledger_bytes;
  for (const tape::LaneSummary& lane : manifest.lanes) bytes += lane.bytes;
  return bytes;
}

// The capture ends with `cause`: says what is on the tape, which is sealed if that is possible at all.
tl::unexpected<core::Error> fail_with_rest(core::Error cause, const Recorder& recorder, tape::TapeWriter& writer,
                                           bool is_sealed) {
  const uint64_t accepted = writer.records();
  is_sealed = is_sealed || writer.seal_without_unwritten();
  return core::fail_with(
      cause.code, "{}. The capture ended at packet {}; the tape has {} records{}; {} that had been read are not on it",
      cause.message, recorder.counts().packets, writer.records(),
      is_sealed ? " and is sealed" : ", but could not be sealed: run tapedeck recover when the disk has room and works",
      accepted - writer.records());
}

}  // namespace

core::Result<Summary> capture(const CaptureOptions& options, const core::StopFlag& stop,
                              const ProgressListener& listener, const core::Clock& clock) {
  const int64_t started_ns = clock.monotonic_ns();
  TD_ASSIGN(PcapSource source, PcapSource::open(options.input));
  core::Notices notices;
  tape::TapeOptions tape = options.tape;
  tape.on_writer_start = [&] { notices.add(topology::take_place(options.place.io)); };
  TD_ASSIGN(tape::TapeWriter writer, tape::TapeWriter::create(options.output, tape, clock));
  notices.add(topology::take_place(options.place.thread));  // last, for threads inherit it: that which syncs is free
  Recorder recorder(writer, fmt::format("pcap:{}", options.input.filename().string()), source.link_type(),
                    options.feed);
  Summary summary;
  summary.tape = options.output;
  ProgressTicker ticker(listener, notices, clock);
  core::Status recorded = read_all(source, recorder, writer, stop, ticker, summary);
  core::Result<tape::Manifest> manifest = writer.seal();
  ticker.tell(source, recorder, writer);
  if (!recorded) return fail_with_rest(recorded.error(), recorder, writer, manifest.has_value());
  if (!manifest) return fail_with_rest(manifest.error(), recorder, writer, /*is_sealed=*/false);
  count(recorder, writer, summary);
  summary.bytes = size_of(*manifest);
  summary.elapsed_ns = clock.monotonic_ns() - started_ns;
  return summary;
}

}  // namespace tapedeck::capture
