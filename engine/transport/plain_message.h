// A message of the plain wire: one record, in one ZeroMQ message of one frame that any client in any language can take
// apart, and whose front is the topic, by which ZeroMQ filters (docs/wire-protocol.md, "Plain messages"). The decoder
// takes bytes of any origin. Nothing is allocated.
#pragma once

#include <string_view>

#include "engine/core/bytes.h"
#include "engine/core/types.h"

namespace tapedeck::transport {

struct PlainMessage {
  std::string_view topic;  // without NUL
  uint64_t sequence = 0;   // within the topic: counts the records of it that this publisher has sent
  core::Nanos capture_time{};
  core::Nanos source_time{};  // 0 where there is none
  uint64_t sent_ns = 0;       // wall time at which it was given to the socket, or a little before
  core::Bytes payload{};
};

// Behind the topic: the NUL, then sequence, capture, source and sent time.
inline constexpr size_t kPlainHeadSize = 1 + 4 * sizeof(uint64_t);

[[nodiscard]] inline size_t plain_size(const PlainMessage& message) {
  return message.topic.size() + kPlainHeadSize + message.payload.size();
}

// Writes to out[0..plain_size(message)).
inline void write_plain(std::byte* out, const PlainMessage& message) {
  std::memcpy(out, message.topic.data(), message.topic.size());
  out += message.topic.size();
  *out = std::byte{0};
  core::store_le(out + 1, message.sequence);
  core::store_le(out + 9, message.capture_time.value);
  core::store_le(out + 17, message.source_time.value);
  core::store_le(out + 25, message.sent_ns);
  if (!message.payload.empty()) std::memcpy(out + kPlainHeadSize, message.payload.data(), message.payload.size());
}

// False for what is none. The message points into `bytes`.
[[nodiscard]] inline bool read_plain(core::Bytes bytes, PlainMessage& message) {
  const void* nul = bytes.empty() ? nullptr : std::memchr(bytes.data(), 0, bytes.size());
  if (nul == nullptr) return false;
  const auto topic_size = static_cast<size_t>(static_cast<const std::byte*>(nul) - bytes.data());
  if (topic_size == 0 || bytes.size() < topic_size + kPlainHeadSize) return false;
  const std::byte* head = bytes.data() + topic_size;
  message = {.topic = core::as_text(bytes.first(topic_size)),
             .sequence = core::load_le<uint64_t>(head + 1),
             .capture_time = core::Nanos(core::load_le<uint64_t>(head + 9)),
             .source_time = core::Nanos(core::load_le<uint64_t>(head + 17)),
             .sent_ns = core::load_le<uint64_t>(head + 25),
             .payload = bytes.subspan(topic_size + kPlainHeadSize)};
  return true;
}

}  // namespace tapedeck::transport
