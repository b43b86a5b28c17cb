#include "engine/transport/pgm_stream.h"

#include <algorithm>

namespace tapedeck::transport {
namespace {

constexpr size_t kOffsetBytes = 2;
constexpr uint16_t kNoMessageBegins = 0xffff;
constexpr std::byte kLongHead{0xff};
constexpr size_t kShortHeadBytes = 2;
constexpr size_t kLongHeadBytes = 10;
constexpr size_t kStreamsMax = 16;  // one more takes the place of the one that was heard longest ago

size_t head_bytes_of(core::Bytes begun) { return begun[0] == kLongHead ? kLongHeadBytes : kShortHeadBytes; }

// How many bytes the message that begins so has with its head, as far as these tell: of the head first. 0: too many.
size_t wanted_of(core::Bytes begun) {
  const size_t head = head_bytes_of(begun);
  if (begun.size() < head) return head;
  const uint64_t size =
      head == kLongHeadBytes ? core::load_be<uint64_t>(begun.data() + 1) : static_cast<uint64_t>(begun[0]);
  if (size == 0 || size - 1 > kPgmMessageMax) return 0;
  return head + size - 1;
}

}  // namespace

PgmStreamWriter::PgmStreamWriter(size_t packet_bytes, Send send) : packet_(packet_bytes), send_(std::move(send)) {
  begin_packet();
}

void PgmStreamWriter::begin_packet() {
  core::store_be(packet_.data(), kNoMessageBegins);
  size_ = kOffsetBytes;
  has_message_ = false;
}

bool PgmStreamWriter::add(core::Bytes message) {
  if (!has_message_) core::store_be(packet_.data(), static_cast<uint16_t>(size_ - kOffsetBytes));
  has_message_ = true;
  std::byte head[kLongHeadBytes] = {};
  const uint64_t size = message.size() + 1;
  if (size < static_cast<uint64_t>(kLongHead)) {
    head[0] = static_cast<std::byte>(size);
    return append({head, kShortHeadBytes}) && append(message);
  }
  head[0] = kLongHead;
  core::store_be(head + 1, size);
  return append(head) && append(message);
}

bool PgmStreamWriter::append(core::Bytes bytes) {
  while (!bytes.empty()) {
    const core::Bytes part = bytes.first(std::min(bytes.size(), packet_.size() - size_));
    std::memcpy(packet_.data() + size_, part.data(), part.size());
    size_ += part.size();
    bytes = bytes.subspan(part.size());
    if (size_ == packet_.size() && !flush()) return false;
  }
  return true;
}

bool PgmStreamWriter::flush() {
  if (size_ == kOffsetBytes) return true;
  const bool goes_on = send_(core::Bytes(packet_).first(size_));
  begin_packet();
  return goes_on;
}

PgmStreamReader::Stream& PgmStreamReader::stream_of(uint64_t sender) {
  if (!streams_.empty() && streams_.back().sender == sender) return streams_.back();
  const auto found = std::ranges::find(streams_, sender, &Stream::sender);
  if (found != streams_.end()) {
    std::rotate(found, found + 1, streams_.end());
    return streams_.back();
  }
  if (streams_.size() == kStreamsMax) streams_.erase(streams_.begin());
  return streams_.emplace_back(Stream{.sender = sender});
}

void PgmStreamReader::add(uint64_t sender, core::Bytes packet) {
  if (packet.size() < kOffsetBytes) return lost(sender);
  Stream& stream = stream_of(sender);
  const size_t first = core::load_be<uint16_t>(packet.data());
  core::Bytes bytes = packet.subspan(kOffsetBytes);
  if (!stream.is_joined) {
    if (first > bytes.size()) return;
    bytes = bytes.subspan(first);
    stream.is_joined = true;
  }
  if (!read(stream, bytes)) lost(sender);
}

void PgmStreamReader::lost(uint64_t sender) {
  Stream& stream = stream_of(sender);
  stream.is_joined = false;
  stream.begun.clear();
}

// False where a size is none.
bool PgmStreamReader::read(Stream& stream, core::Bytes bytes) {
  std::vector<std::byte>& begun = stream.begun;
  while (!bytes.empty()) {
    const size_t wanted = wanted_of(begun.empty() ? bytes : core::Bytes(begun));
    if (wanted == 0) return false;
    const core::Bytes part = bytes.first(std::min(bytes.size(), wanted - begun.size()));
    bytes = bytes.subspan(part.size());
    if (part.size() == wanted) {  // all of it, in this packet
      give(part);
      continue;
    }
    core::append_bytes(begun, part);
    if (begun.size() != wanted_of(begun)) continue;
    give(begun);
    begun.clear();
  }
  return true;
}

void PgmStreamReader::give(core::Bytes message_with_head) {
  take_(message_with_head.subspan(head_bytes_of(message_with_head)));
}

}  // namespace tapedeck::transport
