// A line: one multicast group on one network interface, that carries datagrams and may lose them. What Tapedeck sends
// over it are datagrams that each make sense alone (datagram.h). Two kinds: plain UDP (udp_line.h), and PGM in a child
// process (pgm_line.h). Each is for one thread; counters may be read from any.
#pragma once

#include <functional>
#include <numeric>
#include <vector>

#include "engine/core/bytes.h"
#include "engine/core/status.h"
#include "engine/core/stop.h"

namespace tapedeck::transport {

// Datagrams in slots of equal size, one behind the other, so that a system that cuts large sends by itself
// (UDP_SEGMENT) can be given all at once.
class DatagramBatch {
 public:
  // `slots` of `slot_bytes` each.
  DatagramBatch(size_t slots, size_t slot_bytes) : slot_bytes_(slot_bytes), memory_(slots * slot_bytes) {}

  [[nodiscard]] bool full() const { return (sizes_.size() + 1) * slot_bytes_ > memory_.size(); }
  [[nodiscard]] bool empty() const { return sizes_.empty(); }
  [[nodiscard]] size_t count() const { return sizes_.size(); }
  [[nodiscard]] size_t slot_bytes() const { return slot_bytes_; }
  // Where the next datagram is written; then commit() its size. Not when full.
  [[nodiscard]] core::MutableBytes next() {
    return core::MutableBytes(memory_).subspan(sizes_.size() * slot_bytes_, slot_bytes_);
  }
  void commit(size_t size) { sizes_.push_back(size); }
  [[nodiscard]] core::Bytes datagram(size_t i) const {
    return core::Bytes(memory_).subspan(i * slot_bytes_, sizes_[i]);
  }
  // All slots in use, with what lies between the end of a datagram and the next slot.
  [[nodiscard]] core::Bytes slots() const { return core::Bytes(memory_).first(sizes_.size() * slot_bytes_); }
  // Of the datagrams together.
  [[nodiscard]] size_t bytes() const { return std::accumulate(sizes_.begin(), sizes_.end(), size_t{0}); }
  void clear() { sizes_.clear(); }

 private:
  size_t slot_bytes_;
  std::vector<std::byte> memory_;
  std::vector<size_t> sizes_;
};

class LineSender {
 public:
  virtual ~LineSender() = default;
  // Sends all of them, waiting for the line as long as that takes. A datagram may arrive with bytes behind its end, up
  // to the size of its slot. False if stopped meanwhile.
  [[nodiscard]] virtual bool send(const DatagramBatch& batch, const core::StopFlag& stop) = 0;
  // Sends a message of the plain wire, of any size; false, too, of a line that does not carry it (udp).
  [[nodiscard]] virtual bool send_message(core::Bytes, const core::StopFlag&) { return false; }
  // Of the largest datagram, and how many of them a batch should have.
  [[nodiscard]] virtual size_t datagram_bytes() const = 0;
  [[nodiscard]] virtual size_t datagrams_at_once() const = 0;
};

class LineReceiver {
 public:
  virtual ~LineReceiver() = default;
  // What to poll() for POLLIN before receive().
  [[nodiscard]] virtual int handle() const = 0;
  // Gives `take` some of the datagrams that have come, without waiting; their bytes are valid during the call. How many
  // there were: 0 if nothing had come.
  virtual size_t receive(const std::function<void(core::Bytes)>& take) = 0;
  // Leaves the group and joins it anew: for a receiver that has gone deaf. handle() may change.
  [[nodiscard]] virtual core::Status rejoin() = 0;
  // How much may be under way before the line may lose something: of what it buffers, or can send again.
  [[nodiscard]] virtual size_t window_bytes() const = 0;
};

}  // namespace tapedeck::transport
