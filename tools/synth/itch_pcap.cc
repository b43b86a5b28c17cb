#include "tools/synth/itch_pcap.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "engine/core/bytes.h"
#include "engine/core/durations.h"
#include "tools/synth/order_flow.h"
#include "tools/synth/udp_pcap.h"

namespace tapedeck::synth {
namespace {

using core::ExitCode;
using core::Nanos;
using core::Status;

constexpr uint64_t kMidnight_ns = 1'704'171'600 * core::kSecond_ns;  // 2024-01-02 00:00:00 New York, 05:00 UTC
constexpr uint64_t kOpening_ns = 34'200 * core::kSecond_ns;          // 09:30:00, from midnight
constexpr uint64_t kLongestSession_s = 43'200;  // on average; leaves two and a half hours until midnight

constexpr std::string_view kMoldSession = "SYNTH00001";
constexpr size_t kMoldHeadBytes = 20;
constexpr uint16_t kMoldHeartbeat = 0;
constexpr uint16_t kMoldEndOfSession = 0xffff;

constexpr uint64_t kMessagesPerBurst = 6;           // the mean of burst_size()
constexpr uint32_t kBurstGapBound_ns = 24;          // ns, exclusive: 39 messages stay below a microsecond
constexpr uint64_t kMeanBurst_ns = 58;              // the mean time from a burst's first message to its last
constexpr uint64_t kLatency_ns = 2'500;             // from a packet's last message to its capture
constexpr uint32_t kLatencyJitterBound_ns = 1'500;  // exclusive

// Half of all are single messages; three in sixteen are dense.
uint32_t burst_size(Random& random) {
  const uint32_t draw = random.below(16);
  if (draw < 8) return 1;
  return draw < 13 ? 2 + random.below(4) : 8 + random.below(32);
}

uint32_t symbols_for(uint64_t messages) { return static_cast<uint32_t>(std::clamp<uint64_t>(messages / 10, 1, 1000)); }

Status check(const ItchPcapOptions& options) {
  if (options.symbols > OrderFlow::kSymbolsMax) {
    return fail_with(ExitCode::kUsage, "--symbols {}: a session has at most {} symbols, since a locate has 16 bits",
                     options.symbols, OrderFlow::kSymbolsMax);
  }
  if (!(options.zipf >= 0 && options.zipf <= Zipf::kExponentMax)) {
    return fail_with(ExitCode::kUsage, "--zipf {}: give an exponent from 0 to {}", options.zipf, Zipf::kExponentMax);
  }
  if (options.mean_rate < 1 || options.mean_rate > kMeanRateMax) {
    return fail_with(ExitCode::kUsage, "--mean-rate {}: give 1 to {} messages a second", options.mean_rate,
                     kMeanRateMax);
  }
  const uint64_t messages_min = OrderFlow::messages_min(std::max(options.symbols, 1u));
  if (options.messages < messages_min) {
    if (options.symbols <= 1) return fail_with(ExitCode::kUsage, "a session has at least {} messages", messages_min);
    return fail_with(ExitCode::kUsage, "{} messages are too few for {} symbols: give at least {}, or fewer --symbols",
                     options.messages, options.symbols, messages_min);
  }
  if (options.messages / options.mean_rate >= kLongestSession_s) {
    return fail_with(ExitCode::kUsage, "{} messages at {} a second would go past midnight: raise --mean-rate to {}",
                     options.messages, options.mean_rate, options.messages / kLongestSession_s + 1);
  }
  return {};
}

class Session {
 public:
  Session(UdpPcap pcap, const ItchPcapOptions& options, uint32_t symbols)
      : pcap_(std::move(pcap)), flow_({options.messages, symbols, options.zipf, options.seed}), random_(~options.seed) {
    const uint64_t burst_interval = kMessagesPerBurst * core::kSecond_ns / options.mean_rate;
    mean_gap_ns_ = burst_interval - std::min(burst_interval, kMeanBurst_ns);
  }

  Status run(const core::StopFlag& stop);
  [[nodiscard]] const UdpPcap& pcap() const { return pcap_; }

 private:
  Status burst(uint32_t messages);
  Status send();
  Status send_head(uint16_t count, uint64_t ready_ns);
  Status heartbeats_until(uint64_t time_ns);
  Nanos capture_time(uint64_t ready_ns, size_t payload_bytes);

  UdpPcap pcap_;
  OrderFlow flow_;
  Random random_;
  uint64_t mean_gap_ns_;
  uint64_t now_ns_ = kOpening_ns;        // since midnight, as in ITCH
  uint64_t last_sent_ns_ = kOpening_ns;  // likewise
  Nanos last_capture_{};
  uint64_t sequence_ = 1;  // of the next message that is sent
  // The packet in the making.
  size_t payload_bytes_ = kMoldHeadBytes;
  uint16_t count_ = 0;
};

Status Session::run(const core::StopFlag& stop) {
  while (!flow_.at_end()) {
    if (stop.requested()) return fail_with(ExitCode::kInterrupted, "interrupted");
    TD_TRY(heartbeats_until(now_ns_));
    TD_TRY(burst(burst_size(random_)));
    now_ns_ += random_.exponential(mean_gap_ns_);
  }
  TD_TRY(heartbeats_until(now_ns_));
  TD_TRY(send_head(kMoldEndOfSession, now_ns_));
  return pcap_.close();
}

Status Session::burst(uint32_t messages) {
  for (uint32_t i = 0; i < messages && !flow_.at_end(); ++i) {
    if (i > 0) now_ns_ += random_.below(kBurstGapBound_ns);
    if (payload_bytes_ + 2 + OrderFlow::kMessageBytesMax > UdpPcap::kPayloadBytesMax) TD_TRY(send());
    std::byte* const block = pcap_.payload() + payload_bytes_;
    const size_t size = flow_.next(now_ns_, block + 2);
    core::store_be(block, static_cast<uint16_t>(size));
    payload_bytes_ += 2 + size;
    ++count_;
  }
  return send();
}

// Sends the packet in the making, and begins another.
Status Session::send() {
  TD_TRY(send_head(count_, now_ns_));
  sequence_ += count_;
  count_ = 0;
  payload_bytes_ = kMoldHeadBytes;
  return {};
}

// Completes the packet's head and hands it over. A heartbeat or end has the next sequence, and nothing after its head.
Status Session::send_head(uint16_t count, uint64_t ready_ns) {
  std::byte* const head = pcap_.payload();
  std::memcpy(head, kMoldSession.data(), kMoldSession.size());
  core::store_be(head + 10, sequence_);
  core::store_be(head + 18, count);
  last_sent_ns_ = ready_ns;
  return pcap_.add(payload_bytes_, capture_time(ready_ns, payload_bytes_));
}

Status Session::heartbeats_until(uint64_t time_ns) {
  while (time_ns - last_sent_ns_ > core::kSecond_ns) {
    TD_TRY(send_head(kMoldHeartbeat, last_sent_ns_ + core::kSecond_ns));
  }
  return {};
}

// When the packet is captured that was ready at `ready_ns`: later than the one before by what the packet takes on a
// line of 100 Gb/s, at least.
Nanos Session::capture_time(uint64_t ready_ns, size_t payload_bytes) {
  const uint64_t on_the_line_ns = 1 + (UdpPcap::kFrameHeadBytes + payload_bytes) / 12;
  const Nanos earliest = last_capture_ + on_the_line_ns;
  last_capture_ =
      std::max(earliest, Nanos(kMidnight_ns + ready_ns + kLatency_ns + random_.below(kLatencyJitterBound_ns)));
  return last_capture_;
}

}  // namespace

core::Result<Report> write_itch_pcap(const std::filesystem::path& path, const ItchPcapOptions& options,
                                     const core::StopFlag& stop) {
  TD_TRY(check(options));
  const uint32_t symbols = options.symbols == 0 ? symbols_for(options.messages) : options.symbols;
  TD_ASSIGN(UdpPcap pcap, UdpPcap::create(path));
  Session session(std::move(pcap), options, symbols);
  TD_TRY(session.run(stop));
  return Report{options.messages, session.pcap().packets(), session.pcap().bytes(), symbols};
}

}  // namespace tapedeck::synth
