#include "engine/transport/multicast_sender.h"

#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr int kMessagesWaiting = 4;  // runs; what the publisher's own queue holds comes on top
constexpr int kPlainMessagesWaiting = 10'000;
// On the plain wire messages are small, and larger ones go alone.
constexpr size_t kPlainAtOnce = 90;
constexpr size_t kPlainBytes = 1444;
constexpr int64_t kWindowPoll_ns = 100'000;

DatagramBatch batch_for(const LineSender& line, Wire wire) {
  return wire == Wire::kPlain ? DatagramBatch(kPlainAtOnce, kPlainBytes)
                              : DatagramBatch(line.datagrams_at_once(), line.datagram_bytes());
}

}  // namespace

MulticastSender::MulticastSender(zmq::context_t& context, const std::string& from, std::unique_ptr<LineSender> line,
                                 Wire wire, FlowWindow& window, const core::StopFlag& stop, const core::Clock& clock)
    : sub_(context, zmq::socket_type::sub),
      line_(std::move(line)),
      wire_(wire),
      window_(window),
      sent_(window.add_sender()),
      stop_(stop),
      clock_(clock),
      batch_(batch_for(*line_, wire)),
      cutter_(batch_, [this] { return flush(); }),
      sign_of_life_(line_->datagrams_at_once(), line_->datagram_bytes()),
      sign_of_life_cutter_(sign_of_life_, [] { return false; }) {
  sub_.set(zmq::sockopt::rcvhwm, wire == Wire::kPlain ? kPlainMessagesWaiting : kMessagesWaiting);
  sub_.set(zmq::sockopt::rcvtimeo, static_cast<int>(kPollInterval.count()));
  sub_.set(zmq::sockopt::linger, 0);
  sub_.set(zmq::sockopt::subscribe, "");
  sub_.connect(from);
}

void MulticastSender::run() {
  bool goes_on = true;
  while (goes_on && !given_up_.requested()) {
    const bool was_finished = finished_.load(std::memory_order_acquire);
    zmq::message_t message;
    bool has_one = receive(sub_, message);
    if (!has_one && was_finished) break;
    if (!has_one) goes_on = repeat_in_band();  // the publisher may be waiting for a disk
    while (has_one && goes_on) {
      goes_on = send(message);
      has_one = goes_on && receive(sub_, message, zmq::recv_flags::dontwait);
    }
    goes_on = goes_on && flush();
  }
  sub_.close();
  line_.reset();
  ended_.store(true, std::memory_order_release);
}

bool MulticastSender::send(const zmq::message_t& message) {
  const core::Bytes bytes = bytes_of(message);
  const bool is_in_band = core::as_text(bytes).starts_with(kInBandPrefix);
  if (stop_.requested() && !is_in_band) return true;
  if (is_in_band) {
    keep_in_band(bytes);
  } else if (!repeat_in_band()) {
    return false;
  }
  return put(bytes);
}

void MulticastSender::keep_in_band(core::Bytes message) {
  if (core::as_text(message).starts_with(kAnnouncementPrefix)) {
    announcement_.assign(message.begin(), message.end());
    next_announcement_ns_ = clock_.monotonic_ns() + kAnnouncementInterval_ns;
    if (wire_ == Wire::kPlain) return;
    sign_of_life_.clear();
    static_cast<void>(sign_of_life_cutter_.cut(message));
  } else if (core::as_text(message).starts_with(kDictionaryPrefix)) {
    dictionary_.assign(message.begin(), message.end());
    sent_at_dictionary_ = sent_bytes_;
  }
}

bool MulticastSender::repeat_in_band() {
  const int64_t now_ns = clock_.monotonic_ns();
  if (now_ns < next_announcement_ns_ || announcement_.empty()) return true;
  next_announcement_ns_ = now_ns + kAnnouncementInterval_ns;
  if (!put(announcement_)) return false;
  if (dictionary_.empty() || (sent_bytes_ - sent_at_dictionary_) / kDictionaryShare < dictionary_.size()) return true;
  sent_at_dictionary_ = sent_bytes_;
  return put(dictionary_);
}

bool MulticastSender::put(core::Bytes message) {
  return wire_ == Wire::kPlain ? put_plain(message) : cutter_.cut(message);
}

// As it is: clients of ZeroMQ know nothing of datagrams.
bool MulticastSender::put_plain(core::Bytes message) {
  const bool is_large = message.size() > batch_.slot_bytes();
  if ((is_large || batch_.full()) && !flush()) return false;
  if (!core::as_text(message).starts_with(kInBandPrefix)) ++plain_records_;
  if (is_large) return send_large(message);
  std::memcpy(batch_.next().data(), message.data(), message.size());
  batch_.commit(message.size());
  return true;
}

bool MulticastSender::send_large(core::Bytes message) {
  if (!wait_for_window() || !line_->send_message(message, given_up_)) return false;
  note_sent(message.size());
  return true;
}

bool MulticastSender::flush() {
  if (batch_.empty()) return true;
  if (!wait_for_window() || !line_->send(batch_, given_up_)) return false;
  note_sent(batch_.bytes());
  batch_.clear();
  return true;
}

void MulticastSender::note_sent(size_t bytes) {
  sent_.add(records() - sent_.get());
  sent_bytes_ += bytes;
}

// A subscriber that is busy for long must not take us for dead.
bool MulticastSender::wait_for_window() {
  int64_t next_sign_ns = clock_.monotonic_ns() + kAnnouncementInterval_ns;
  while (!window_.is_open(records() - sent_.get()) && !stop_.requested()) {
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns >= next_sign_ns) {
      if (!send_sign_of_life()) return false;
      next_sign_ns = now_ns + kAnnouncementInterval_ns;
    }
    if (!clock_.sleep_until(now_ns + kWindowPoll_ns, given_up_)) return false;
  }
  return true;
}

bool MulticastSender::send_sign_of_life() {
  if (announcement_.empty()) return true;
  if (wire_ == Wire::kPlain) return line_->send_message(announcement_, given_up_);
  return line_->send(sign_of_life_, given_up_);
}

}  // namespace tapedeck::transport
