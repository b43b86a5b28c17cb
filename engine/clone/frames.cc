#include "engine/clone/frames.h"

#include <algorithm>

namespace tapedeck::clone {

bool Frames::receive(zmq::socket_t& socket) {
  count_ = 0;
  if (!transport::receive(socket, frames_[0], zmq::recv_flags::dontwait)) return false;
  bytes_[0] = transport::bytes_of(frames_[0]);
  size_t count = 1;
  for (bool more = frames_[0].more(); more;) {
    const size_t index = std::min(count, kKept - 1);
    if (!transport::receive(socket, frames_[index])) continue;  // a signal; the frame is there, for messages come whole
    bytes_[index] = transport::bytes_of(frames_[index]);
    more = frames_[index].more();
    ++count;
  }
  count_ = std::min(count, kKept);
  return true;
}

std::span<const core::Bytes> Frames::bytes(size_t first) const {
  return std::span(bytes_).first(count_).subspan(std::min(first, count_));
}

zmq::message_t frame_of(std::string_view bytes) { return zmq::message_t(bytes.data(), bytes.size()); }

zmq::message_t frame_of(uint64_t sequence) {
  const auto bytes = encode_sequence(sequence);
  return zmq::message_t(bytes.data(), bytes.size());
}

Sent send_frame(zmq::socket_t& socket, zmq::message_t&& frame, bool more) {
  const auto flags = zmq::send_flags::dontwait | (more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  try {
    return transport::send(socket, frame, flags) ? Sent::kYes : Sent::kFull;
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return Sent::kGone;
    throw;
  }
}

Sent send(zmq::socket_t& socket, std::array<zmq::message_t, kFrames>&& frames) {
  for (size_t i = 0; i < kFrames; ++i) {
    const Sent sent = send_frame(socket, std::move(frames[i]), i + 1 < kFrames);
    if (sent != Sent::kYes) return sent;
  }
  return Sent::kYes;
}

Sent send(zmq::socket_t& socket, const Message& message) {
  return send(socket, {frame_of(message.key), frame_of(message.sequence), frame_of(message.uuid),
                       frame_of(message.properties), frame_of(message.value)});
}

}  // namespace tapedeck::clone
