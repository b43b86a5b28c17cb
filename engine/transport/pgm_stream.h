// How ZeroMQ puts messages into packets of PGM, as libzmq does (docs/wire-protocol.md, "PGM"): each packet has a u16,
// big-endian, that tells where the first message that begins in it does (0xffff: none does), and behind it a stretch of
// a stream of messages: each has its size, with the byte of flags, in one byte, or 0xff and then eight big-endian; the
// byte of flags; and its bytes. Packets are filled, so that messages go on in the next. For one thread.
#pragma once

#include <functional>
#include <vector>

#include "engine/core/bytes.h"

namespace tapedeck::transport {

inline constexpr size_t kPgmMessageMax = 17u << 20;  // bytes; the largest record of a tape, with room for its topic

class PgmStreamWriter {
 public:
  // `send` is given packets of so many bytes at most; what it returns ends what add() or flush() does.
  using Send = std::function<bool(core::Bytes packet)>;
  PgmStreamWriter(size_t packet_bytes, Send send);

  [[nodiscard]] bool add(core::Bytes message);
  // Sends the packet that is not full.
  [[nodiscard]] bool flush();

 private:
  [[nodiscard]] bool append(core::Bytes bytes);
  void begin_packet();

  std::vector<std::byte> packet_;
  size_t size_ = 0;  // of the packet, so far
  bool has_message_ = false;
  Send send_;
};

// Takes packets of any origin. After a loss it begins with the next message; what is malformed is the same as a loss.
class PgmStreamReader {
 public:
  using Take = std::function<void(core::Bytes message)>;  // valid during the call
  explicit PgmStreamReader(Take take) : take_(std::move(take)) {}

  // In the order of their sender.
  void add(uint64_t sender, core::Bytes packet);
  // A packet of this sender will not come.
  void lost(uint64_t sender);

 private:
  struct Stream {
    uint64_t sender = 0;
    bool is_joined = false;
    std::vector<std::byte> begun{};  // of the message that goes on in the next packet, with its head
  };

  [[nodiscard]] Stream& stream_of(uint64_t sender);
  [[nodiscard]] bool read(Stream& stream, core::Bytes bytes);
  void give(core::Bytes message_with_head);

  Take take_;
  std::vector<Stream> streams_;  // the one that was heard last is at the back
};

}  // namespace tapedeck::transport
