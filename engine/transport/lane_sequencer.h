// Puts the datagrams of one or more lines that carry the same into one sequence for each lane, and trims what comes
// twice: a hole that one line leaves is filled from another. A hole that none fills is let go after a while, and shows
// in the sequence. Bounded in bytes. For one thread; counters may be read from any.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "engine/core/counter.h"
#include "engine/transport/datagram.h"
#include "engine/transport/in_band.h"

namespace tapedeck::transport {

class LaneSequencer {
 public:
  // Is given data frames of one block each, in order of each lane; valid during the call.
  using Sink = std::function<void(const Envelope&, core::Bytes frame)>;

  // Waits so long for what is missing, and for as much as that.
  LaneSequencer(int64_t patience_ns, size_t waiting_bytes_max, Sink sink)
      : patience_ns_(patience_ns), waiting_bytes_max_(waiting_bytes_max), sink_(std::move(sink)) {}

  // A data frame as read_datagram() gives it, and its envelope.
  void take(const Envelope& envelope, core::Bytes frame, int64_t now_ns);
  // Lets go of the holes that have waited for too long.
  void expire(int64_t now_ns) {
    if (waiting_bytes_ > 0) let_go_before(now_ns - patience_ns_);
  }
  // Whether everything that was sent until the end has been passed on.
  [[nodiscard]] bool is_complete(const EndOfTape& end) const;
  // When a data frame of this publisher came last; 0: never.
  [[nodiscard]] int64_t heard_ns(uint64_t publisher) const;

  // Records that came again.
  [[nodiscard]] uint64_t repeated() const { return repeated_.get(); }

 private:
  struct Waiting {
    int64_t since_ns = 0;
    uint32_t records = 0;
    std::vector<std::byte> frame;
  };
  struct Lane {
    uint64_t next = 0;                    // wire sequence
    std::map<uint64_t, Waiting> waiting;  // by wire sequence
  };
  struct Publisher {
    uint64_t id = 0;
    std::vector<Lane> lanes;
    int64_t heard_ns = 0;
  };

  [[nodiscard]] Publisher& publisher_of(uint64_t id);
  [[nodiscard]] const Publisher* known(uint64_t id) const;
  void wait(Lane& lane, const Envelope& envelope, core::Bytes frame, int64_t now_ns);
  void pass(Lane& lane, const Envelope& envelope, core::Bytes frame);
  void pass_waiting(Lane& lane);
  void skip_hole(Lane& lane);
  void let_go_before(int64_t time_ns);

  const int64_t patience_ns_;
  const size_t waiting_bytes_max_;
  Sink sink_;
  std::vector<Publisher> publishers_;  // the one that was heard last is at the back
  size_t waiting_bytes_ = 0;
  core::Counter repeated_;
};

}  // namespace tapedeck::transport
