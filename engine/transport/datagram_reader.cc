#include "engine/transport/datagram_reader.h"

namespace tapedeck::transport {

bool DatagramReader::take(core::Bytes datagram, int64_t now_ns) {
  if (take_frame(datagram, now_ns)) return true;
  Fragment fragment;
  if (!read_fragment(datagram, fragment)) return false;
  const auto message = assembler_.add(fragment);
  if (message && !take_frame(message->bytes(), now_ns)) on_message_(message->bytes());
  return true;
}

bool DatagramReader::take_frame(core::Bytes bytes, int64_t now_ns) {
  Envelope envelope;
  core::Bytes frame;
  if (!read_datagram(bytes, envelope, frame)) return false;
  sequencer_.take(envelope, frame, now_ns);
  return true;
}

}  // namespace tapedeck::transport
