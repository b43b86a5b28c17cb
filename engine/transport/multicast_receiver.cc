#include "engine/transport/multicast_receiver.h"

#include <algorithm>

#include "engine/core/parse.h"
#include "engine/transport/plain_message.h"
#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr size_t kFrames = 128;
constexpr size_t kFrameBytes = 256u << 10;
constexpr size_t kWaitingBytesMax = 32u << 20;     // behind holes
constexpr int64_t kPatience_ns = 5'000'000;        // with a hole; a network may turn datagrams round
constexpr int64_t kPatienceOfTwo_ns = 50'000'000;  // the same, where another line may fill it
constexpr int64_t kDeafAfter_ns = 2'500'000'000;   // an announcement comes each second
constexpr size_t kReceivesInARow = 64;             // before the other lines and the clock have their turn
constexpr size_t kHeldMax = 512u << 10;  // bytes in hand, while more comes; the sender waits for their records
constexpr int kFramesWaiting = 32;
// Lines are looked at no more often than this, as network interfaces do: handing over what comes costs several
// wake-ups, on both sides.
constexpr int64_t kGathering_ns = 100'000;
constexpr std::string_view kBadMessage = "TDS/BAD/";  // counted where all bad messages are

// A damaged data frame is none: it would overtake the sound ones that are being gathered.
bool is_of_plain_wire(core::Bytes message) {
  if (core::as_text(message).starts_with(kInBandPrefix)) return true;
  PlainMessage plain;
  return !core::as_text(message).starts_with(kDataPrefix) && read_plain(message, plain);
}

}  // namespace

MulticastReceiver::MulticastReceiver(zmq::context_t& context, const std::string& to, std::vector<NamedLine> lines,
                                     core::Notices& notices, const core::StopFlag& stop, const core::Clock& clock)
    : pub_(context, zmq::socket_type::xpub),
      notices_(notices),
      stop_(stop),
      clock_(clock),
      pool_(kFrames, kFrameBytes),
      gatherer_(pool_, stop_, [this](zmq::message_t message) { pass_on(std::move(message)); }),
      sequencer_(lines.size() > 1 ? kPatienceOfTwo_ns : kPatience_ns, kWaitingBytesMax,
                 [this](const Envelope& envelope, core::Bytes frame) { gatherer_.add(envelope, frame); }),
      reader_(sequencer_, [this](core::Bytes message) { take_message(message); }) {
  for (NamedLine& line : lines) lines_.push_back({.named = std::move(line)});
  pub_.set(zmq::sockopt::sndhwm, kFramesWaiting);
  pub_.set(zmq::sockopt::sndtimeo, static_cast<int>(kPollInterval.count()));
  pub_.set(zmq::sockopt::xpub_nodrop, true);
  pub_.set(zmq::sockopt::linger, 0);
  pub_.bind(to);
}

uint64_t MulticastReceiver::window_bytes() const {
  uint64_t bytes = UINT64_MAX;
  for (const Line& line : lines_) bytes = std::min<uint64_t>(bytes, line.named.line->window_bytes());
  return bytes;
}

void MulticastReceiver::run() {
  while (!stop_.requested()) {
    wait();
    zmq::message_t subscription;
    while (receive(pub_, subscription, zmq::recv_flags::dontwait)) {
    }
    now_ns_ = clock_.monotonic_ns();
    bool has_more = false;
    for (Line& line : lines_) has_more |= receive_some(line);
    sequencer_.expire(now_ns_);
    if (!has_more) gatherer_.flush();
    mind_deaf_lines();
  }
}

void MulticastReceiver::close() { pub_.close(); }

void MulticastReceiver::wait() {
  if (clock_.monotonic_ns() - now_ns_ < kGathering_ns) clock_.sleep_until(now_ns_ + kGathering_ns, stop_);
  handles_.clear();
  for (const Line& line : lines_) handles_.push_back({.fd = line.named.line->handle(), .events = POLLIN, .revents = 0});
  poll(handles_.data(), handles_.size(), static_cast<int>(kPatience_ns / 1'000'000));
}

// Whether there may be more.
bool MulticastReceiver::receive_some(Line& line) {
  const auto take_one = [this, &line](core::Bytes datagram) { take(line, datagram); };
  for (size_t i = 0; i < kReceivesInARow; ++i) {
    if (line.named.line->receive(take_one) == 0) return false;
    line.heard_ns = now_ns_;
    if (gatherer_.held_bytes() >= kHeldMax) gatherer_.flush();
  }
  return true;
}

void MulticastReceiver::take(const Line& line, core::Bytes datagram) {
  may_fall_silent_ = false;  // unless this is an end of tape
  if (reader_.take(datagram, now_ns_)) return;
  if (line.named.carries_plain && is_of_plain_wire(datagram)) {
    pass_on(zmq::message_t(datagram.data(), datagram.size()));
  } else {
    pass_on(zmq::message_t(kBadMessage.data(), kBadMessage.size()));
  }
}

void MulticastReceiver::take_message(core::Bytes message) {
  if (is_too_early(message)) return;
  gatherer_.flush();
  pass_on(zmq::message_t(message.data(), message.size()));
}

// The end of the tape, while records that were sent before it may still come. It is told again and again.
bool MulticastReceiver::is_too_early(core::Bytes message) {
  if (!core::as_text(message).starts_with(kEndPrefix)) return false;
  const auto end = decode_end(message);
  if (!end) return false;
  may_fall_silent_ = sequencer_.is_complete(*end) || now_ns_ - sequencer_.heard_ns(end->publisher) > kPatienceOfTwo_ns;
  return !may_fall_silent_;
}

void MulticastReceiver::pass_on(zmq::message_t message) {
  while (!send(pub_, message) && !stop_.requested()) {
  }
}

void MulticastReceiver::mind_deaf_lines() {
  for (Line& line : lines_) {
    if (line.heard_ns == now_ns_ && line.is_deaf) {
      line.is_deaf = false;
      notices_.add({fmt::format("{} is heard again", line.named.name)});
    }
    if (line.heard_ns == 0 || may_fall_silent_ || now_ns_ - line.heard_ns < kDeafAfter_ns) continue;
    if (!line.is_deaf) {
      notices_.add({fmt::format("nothing was heard of {} for {}: joining it anew", line.named.name,
                                core::format_duration(kDeafAfter_ns))});
    }
    line.is_deaf = true;
    line.heard_ns = now_ns_;
    static_cast<void>(line.named.line->rejoin());  // where it cannot be, it is tried again
  }
}

}  // namespace tapedeck::transport
