// Carries what a publisher sends to a line: takes its messages over inproc, cuts them into datagrams, and sends these
// no faster than the subscribers can take them. Runs on a thread of its own; whoever publishes is held back by the
// queue between them. Counters may be read from any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "engine/core/clock.h"
#include "engine/transport/datagram.h"
#include "engine/transport/flow_window.h"
#include "engine/transport/in_band.h"
#include "engine/transport/line.h"

namespace tapedeck::transport {

class MulticastSender {
 public:
  // Connects to the publisher's inproc endpoint `from`, in its context. On the plain wire messages go as they are.
  MulticastSender(zmq::context_t& context, const std::string& from, std::unique_ptr<LineSender> line, Wire wire,
                  FlowWindow& window, const core::StopFlag& stop, const core::Clock& clock);

  // Until finish(), and everything that was published before it has been sent. Once stopped, records are let go and
  // only in-band messages are sent.
  void run();
  void finish() { finished_.store(true, std::memory_order_release); }
  // Ends it whatever it waits for.
  void give_up() { given_up_.request(); }
  [[nodiscard]] bool has_ended() const { return ended_.load(std::memory_order_acquire); }

  [[nodiscard]] uint64_t records_sent() const { return sent_.get(); }

  // Once run() has come back: records in blocks that are damaged, so that they could not be cut, by lane.
  [[nodiscard]] const std::map<core::Lane, uint64_t>& records_lost() const { return cutter_.records_lost(); }

 private:
  [[nodiscard]] bool send(const zmq::message_t& message);
  [[nodiscard]] bool put(core::Bytes message);
  [[nodiscard]] bool put_plain(core::Bytes message);
  void keep_in_band(core::Bytes message);
  [[nodiscard]] bool repeat_in_band();
  [[nodiscard]] bool send_sign_of_life();
  [[nodiscard]] bool send_large(core::Bytes message);
  [[nodiscard]] bool flush();
  void note_sent(size_t bytes);
  // In the batch, or sent.
  [[nodiscard]] uint64_t records() const { return cutter_.records() + plain_records_; }
  [[nodiscard]] bool wait_for_window();

  zmq::socket_t sub_;
  std::unique_ptr<LineSender> line_;
  const Wire wire_;
  FlowWindow& window_;
  core::Counter& sent_;
  const core::StopFlag& stop_;
  const core::Clock& clock_;
  DatagramBatch batch_;
  DatagramCutter cutter_;
  DatagramBatch sign_of_life_;  // the last announcement on the packed wire, for when the subscribers hold us back
  DatagramCutter sign_of_life_cutter_;
  // What whoever joins late needs. The publisher repeats it, but may be far ahead of the line.
  std::vector<std::byte> announcement_;
  std::vector<std::byte> dictionary_;
  int64_t next_announcement_ns_ = 0;  // monotonic
  uint64_t sent_bytes_ = 0;
  uint64_t sent_at_dictionary_ = 0;  // of them
  uint64_t plain_records_ = 0;
  std::atomic<bool> finished_{false};
  std::atomic<bool> ended_{false};
  core::StopFlag given_up_;
};

}  // namespace tapedeck::transport
