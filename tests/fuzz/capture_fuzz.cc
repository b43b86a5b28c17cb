// A capture file of any bytes (pcap, pcapng, plain or gzip), captured to a tape, which must then be clean and hold what
// the summary says. The first byte of the input tells the codec, the protocol asked for, and whether a thread writes
// the blocks; the rest is the file.
#include <array>

#include "capture/capture.h"
#include "engine/tape/verify.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/scratch_folder.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;
using feed::Protocol;

constexpr std::array<std::optional<Protocol>, 4> kAsked = {std::nullopt, Protocol::kItch50, Protocol::kIexTp,
                                                           Protocol::kRaw};

capture::CaptureOptions options_of(uint8_t choice, const fs::path& file, const fs::path& tape) {
  capture::CaptureOptions options{.input = file, .output = tape, .tape = {}, .feed = {}};
  options.tape.lanes = 4;
  options.tape.block_bytes = 4096;
  options.tape.queue_blocks = (choice & 8) != 0 ? 2 : 0;
  options.tape.codec = (choice & 4) != 0 ? tape::Codec::kLz4 : tape::Codec::kNone;
  options.feed.decode = kAsked[choice % kAsked.size()];
  return options;
}

void compare(const capture::Summary& summary) {
  const auto tape = tape::TapeReader::open(summary.tape);
  TD_CHECK(tape.has_value());
  const auto verification = tape::verify(*tape);
  TD_CHECK(verification && verification->clean());
  TD_CHECK(verification->records == summary.records);
  const auto losses = tape->losses();
  TD_CHECK(losses && losses->size() == summary.gaps);
}

}  // namespace

void run_one(Bytes bytes) {
  static const ScratchFolder scratch = ScratchFolder::in_memory();
  Input input(bytes);
  const uint8_t choice = input.byte();
  const fs::path file = scratch.write("feed.pcap", core::as_text(input.rest()));
  const core::StopFlag stop;
  const auto summary = capture::capture(options_of(choice, file, scratch.cleared("t.tape")), stop, {});
  if (!summary) {
    TD_CHECK(!summary.error().message.empty() && !fs::exists(scratch / "t.tape"));
    return;
  }
  TD_CHECK(summary->records == summary->messages + summary->feed.unknown);
  TD_CHECK(!summary->interrupted);
  TD_CHECK(!capture::to_text(*summary).empty() && !capture::to_json(*summary).empty());
  compare(*summary);
}

}  // namespace tapedeck::fuzz
