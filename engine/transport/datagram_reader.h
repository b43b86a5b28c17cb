// What is done with the datagrams of lines: data frames go to the sequencer of their lanes, and fragments are put
// together, be it to data frames or to other messages. Takes bytes of any origin. For one thread.
#pragma once

#include <functional>

#include "engine/transport/fragment_assembler.h"
#include "engine/transport/lane_sequencer.h"

namespace tapedeck::transport {

class DatagramReader {
 public:
  using OnMessage = std::function<void(core::Bytes)>;
  // `on_message` is given the messages that are no data frames; valid during the call.
  DatagramReader(LaneSequencer& sequencer, OnMessage on_message)
      : sequencer_(sequencer), on_message_(std::move(on_message)) {}

  // False for what is none of ours, or damaged.
  [[nodiscard]] bool take(core::Bytes datagram, int64_t now_ns);

 private:
  [[nodiscard]] bool take_frame(core::Bytes bytes, int64_t now_ns);

  LaneSequencer& sequencer_;
  OnMessage on_message_;
  FragmentAssembler assembler_;
};

}  // namespace tapedeck::transport
