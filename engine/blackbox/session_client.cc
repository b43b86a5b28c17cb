#include "engine/blackbox/session_client.h"

#include <algorithm>

namespace tapedeck::blackbox {
namespace {

constexpr int64_t kHelloInterval_ns = 1'000'000'000;
constexpr int64_t kProgressInterval_ns = 100'000'000;
constexpr int64_t kWaitedForInterval_ns = 5'000'000;
constexpr uint64_t kPartOfWindow = 4;            // is handled: then it is told at once
constexpr std::chrono::milliseconds kGlance{1};  // how often that is looked at

}  // namespace

SessionClient::SessionClient(zmq::context_t& context, std::string name, uint64_t publisher, uint64_t window_bytes,
                             const core::Clock& clock, std::atomic<int64_t>& clock_offset_ns)
    : dealer_(context, zmq::socket_type::dealer),
      name_(std::move(name)),
      publisher_(publisher),
      window_bytes_(window_bytes),
      clock_(clock),
      clock_offset_ns_(clock_offset_ns) {
  dealer_.set(zmq::sockopt::linger, 0);
}

core::Status SessionClient::connect(const std::string& endpoint) { return transport::connect(dealer_, endpoint); }

void SessionClient::send(const transport::SessionMessage& message) {
  // Not sent when the queue is full, which is when nobody answers: then all of it will be said again.
  zmq::message_t body(transport::encode(message));
  static_cast<void>(transport::send(dealer_, body, zmq::send_flags::dontwait));
}

// A replay with a window waits for it. To tell costs wake-ups on both sides.
bool SessionClient::is_progress_due(const Position& position, int64_t now_ns) const {
  const bool is_much = position.bytes - reported_.bytes >= window_bytes_ / kPartOfWindow;
  const bool is_waited_for = window_bytes_ > 0 && position != reported_ && (is_much || now_ns >= next_waited_for_ns_);
  return welcomed_ && (now_ns >= next_progress_ns_ || is_waited_for);
}

bool SessionClient::step(const Position& position, std::chrono::milliseconds wait) {
  const int64_t now_ns = clock_.monotonic_ns();
  if (!welcomed_ && now_ns >= next_hello_ns_) {
    send(transport::Hello{.publisher = publisher_, .name = name_, .window_bytes = window_bytes_});
    next_hello_ns_ = now_ns + kHelloInterval_ns;
  }
  if (is_progress_due(position, now_ns)) {
    send(transport::Progress{.records = position.handled,
                             .sent_ns = static_cast<int64_t>(clock_.now().value),
                             .lost = position.lost,
                             .is_idle = position.is_idle});
    reported_ = position;
    next_waited_for_ns_ = now_ns + kWaitedForInterval_ns;
    next_progress_ns_ = now_ns + kProgressInterval_ns;
  }
  bool heard = false;
  if (window_bytes_ > 0) wait = std::min(wait, kGlance);
  dealer_.set(zmq::sockopt::rcvtimeo, static_cast<int>(wait.count()));
  zmq::message_t message;
  while (transport::receive(dealer_, message)) {
    receive(transport::bytes_of(message));
    heard = true;
    dealer_.set(zmq::sockopt::rcvtimeo, 0);
  }
  return heard;
}

void SessionClient::receive(core::Bytes bytes) {
  const auto message = transport::decode_session_message(bytes);
  if (!message) return;  // not from a replay of our version
  if (const auto* welcome = std::get_if<transport::Welcome>(&*message)) {
    welcomed_ = welcome->publisher == publisher_;
  } else if (const auto* pong = std::get_if<transport::Pong>(&*message)) {
    note_offset(*pong);
  } else if (const auto* verdict = std::get_if<transport::Verdict>(&*message)) {
    verdict_ = *verdict;
  }
}

// Four time stamps, as in NTP; the exchange with the shortest round trip is the one to believe.
void SessionClient::note_offset(const transport::Pong& pong) {
  const auto now_ns = static_cast<int64_t>(clock_.now().value);
  const int64_t round_trip_ns = (now_ns - pong.progress_sent_ns) - (pong.sent_ns - pong.received_ns);
  if (round_trip_ns < 0 || round_trip_ns >= round_trip_best_ns_) return;
  round_trip_best_ns_ = round_trip_ns;
  clock_offset_ns_.store(((pong.received_ns - pong.progress_sent_ns) + (pong.sent_ns - now_ns)) / 2);
}

std::optional<transport::Verdict> SessionClient::settle(const transport::Receipt& receipt, int64_t timeout_ns) {
  const int64_t deadline_ns = clock_.monotonic_ns() + timeout_ns;
  int64_t next_receipt_ns = 0;
  while (!verdict_ && clock_.monotonic_ns() < deadline_ns) {
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns >= next_receipt_ns) {
      if (!welcomed_) send(transport::Hello{.publisher = publisher_, .name = name_, .window_bytes = window_bytes_});
      send(receipt);
      next_receipt_ns = now_ns + kHelloInterval_ns;
    }
    step({.handled = receipt.records, .lost = receipt.records_lost, .is_idle = true}, transport::kPollInterval);
  }
  return verdict_;
}

}  // namespace tapedeck::blackbox
