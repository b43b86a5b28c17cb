#include "engine/transport/multicast_sender.h"

#include "engine/transport/socket.h"

namespace tapedeck::transport {
namespace {

constexpr int kMessagesWaiting = 4;  // of those that have 1 MiB; on either side of the connection
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
  const std::string_view text = core::as_text(bytes);
  if (stop_.requested() && !text.starts_with(kInBandPrefix)) return true;
  if (wire_ == Wire::kPlain) return send_plain(bytes);
  if (text.starts_with(kInBandPrefix)) {
    keep_in_band(bytes);
  } else if (!repeat_in_band()) {
    return false;
  }
  return cutter_.cut(bytes);
}

void MulticastSender::keep_in_band(core::Bytes message) {
  if (core::as_text(message).starts_with(kAnnouncementPrefix)) {
    announcement_.assign(message.begin(), message.end());
    next_announcement_ns_ = clock_.monotonic_ns() + kAnnouncementInterval_ns;
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
  if (!cutter_.cut(announcement_)) return false;
  if ((sent_bytes_ - sent_at_dictionary_) / kDictionaryShare < dictionary_.size()) return true;
  sent_at_dictionary_ = sent_bytes_;
  return cutter_.cut(dictionary_);
}

// As it is: clients of ZeroMQ know nothing of datagrams.
bool MulticastSender::send_plain(core::Bytes message) {
  if (message.size() > batch_.slot_bytes()) return flush() && line_->send_message(message, given_up_);
  if (batch_.full() && !flush()) return false;
  std::memcpy(batch_.next().data(), message.data(), message.size());
  batch_.commit(message.size());
  if (!core::as_text(message).starts_with(kInBandPrefix)) ++plain_records_;
  return true;
}

bool MulticastSender::flush() {
  if (batch_.empty()) return true;
  if (!wait_for_window() || !line_->send(batch_, given_up_)) return false;
  sent_.add(records() - sent_.get());
  sent_bytes_ += batch_.slots().size();
  batch_.clear();
  return true;
}

// A subscriber that is busy for long must not take us for dead.
bool MulticastSender::wait_for_window() {
  int64_t next_sign_ns = clock_.monotonic_ns() + kAnnouncementInterval_ns;
  while (!window_.is_open(records() - sent_.get()) && !stop_.requested()) {
    const int64_t now_ns = clock_.monotonic_ns();
    if (now_ns >= next_sign_ns) {
      if (!sign_of_life_.empty() && !line_->send(sign_of_life_, given_up_)) return false;
      next_sign_ns = now_ns + kAnnouncementInterval_ns;
    }
    if (!clock_.sleep_until(now_ns + kWindowPoll_ns, given_up_)) return false;
  }
  return true;
}

}  // namespace tapedeck::transport
