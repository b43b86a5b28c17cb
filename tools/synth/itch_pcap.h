// A session of an exchange as a capture file: the messages of an OrderFlow, framed as MoldUDP64, in UDP packets with
// capture times in nanoseconds. Messages come alone or in bursts of up to 39 within a microsecond, which share packets;
// an idle second brings a heartbeat, and the end of the session its packet. The same options give the same bytes. One
// thread; memory does not grow with the session; several million messages a second.
#pragma once

#include <filesystem>

#include "engine/core/status.h"
#include "engine/core/stop.h"
#include "tools/synth/report.h"

namespace tapedeck::synth {

struct ItchPcapOptions {
  uint64_t messages = 1'000'000;  // exactly, with those that open and close the session
  uint32_t symbols = 0;           // 0: 1000, or a tenth of the messages where that is less
  double zipf = 1.0;              // how uneven the symbols' activity is: 0 is even
  uint64_t mean_rate = 100'000;   // messages a second, over the whole session; 1 to kMeanRateMax
  uint64_t seed = 1;
};

inline constexpr uint64_t kMeanRateMax = 50'000'000;

// Writes the file, which must not exist. Options that cannot be are kUsage, with what to change; a stop is
// kInterrupted. After an error a part of the file may be left.
[[nodiscard]] core::Result<Report> write_itch_pcap(const std::filesystem::path& path, const ItchPcapOptions& options,
                                                   const core::StopFlag& stop);

}  // namespace tapedeck::synth
