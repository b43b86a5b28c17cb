// One multipart message of ZeroMQ, received and sent in the way of the Clone protocol: whole or not at all, and never
// waiting. Of a message with more frames than any of ours has, the rest is received and dropped.
#pragma once

#include <array>

#include "engine/clone/protocol.h"
#include "engine/transport/socket.h"

namespace tapedeck::clone {

class Frames {
 public:
  Frames() = default;
  Frames(const Frames&) = delete;  // bytes_ points into frames_
  Frames& operator=(const Frames&) = delete;

  // False if there is none.
  [[nodiscard]] bool receive(zmq::socket_t& socket);

  // Those from `first` on, as decode() takes them.
  [[nodiscard]] std::span<const core::Bytes> bytes(size_t first = 0) const;
  [[nodiscard]] zmq::message_t& operator[](size_t index) { return frames_[index]; }

 private:
  static constexpr size_t kKept = kFrames + 1;  // a message of ours behind an identity; or one that is too long
  std::array<zmq::message_t, kKept> frames_;
  std::array<core::Bytes, kKept> bytes_;
  size_t count_ = 0;
};

[[nodiscard]] zmq::message_t frame_of(std::string_view bytes);
[[nodiscard]] zmq::message_t frame_of(uint64_t sequence);

enum class Sent { kYes, kFull, kGone };  // gone: a ROUTER knows no such peer
// Sends one frame; those behind the first of a message are always taken.
[[nodiscard]] Sent send_frame(zmq::socket_t& socket, zmq::message_t&& frame, bool more);
// All five frames; behind a first one with SNDMORE too.
[[nodiscard]] Sent send(zmq::socket_t& socket, const Message& message);
[[nodiscard]] Sent send(zmq::socket_t& socket, std::array<zmq::message_t, kFrames>&& frames);

}  // namespace tapedeck::clone
