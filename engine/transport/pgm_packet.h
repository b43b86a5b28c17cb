// What goes between a PGM line and its child process, over a SOCK_SEQPACKET pair: the first packet from the child is
// kPgmReady, or a sentence that says why it cannot run. Then packets of messages: u32 length and bytes, again and
// again, and a packet ends with a message. Only a message that does not fit goes on in the packets behind, alone. One
// process trusts the other here, but not what a message says.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/core/bytes.h"

namespace tapedeck::transport {

inline constexpr std::string_view kPgmReady = "ready";
inline constexpr size_t kPgmPacketBytes = 128u << 10;
inline constexpr size_t kPgmLengthBytes = 4;

// Reads packets until the last of them ends with a message. Reuses its memory.
class PgmPacketReader {
 public:
  enum class Outcome { kMessages, kNothing, kEnded };

  // `flags` are those of recv(). After kMessages all messages of bytes() are whole; kNothing: no packet was there, or
  // not the rest of a message, for which the next call goes on.
  [[nodiscard]] Outcome read(int socket, int flags) {
    if (complete_ == size_) complete_ = size_ = 0;
    do {
      memory_.resize(std::max(memory_.size(), size_ + kPgmPacketBytes));
      const ssize_t got = recv(socket, memory_.data() + size_, kPgmPacketBytes, flags);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Outcome::kNothing;
      if (got <= 0) return Outcome::kEnded;
      size_ += static_cast<size_t>(got);
    } while (!walk());
    return Outcome::kMessages;
  }

  // Gives each message of what was read.
  template <class Take>
  void for_each(const Take& take) const {
    for (size_t at = 0; at < size_;) {
      const size_t length = core::load_le<uint32_t>(memory_.data() + at);
      take(core::Bytes(memory_).subspan(at + kPgmLengthBytes, length));
      at += kPgmLengthBytes + length;
    }
  }

  void clear() { complete_ = size_ = 0; }

 private:
  // Whether what was read ends with a message.
  [[nodiscard]] bool walk() {
    while (complete_ + kPgmLengthBytes <= size_) {
      const size_t end = complete_ + kPgmLengthBytes + core::load_le<uint32_t>(memory_.data() + complete_);
      if (end > size_) return false;
      complete_ = end;
    }
    return complete_ == size_;
  }

  std::vector<std::byte> memory_;
  size_t size_ = 0;
  size_t complete_ = 0;  // bytes in whole messages
};

}  // namespace tapedeck::transport
