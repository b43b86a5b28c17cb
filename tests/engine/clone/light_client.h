// A Clone client that costs next to nothing, so that thousands fit in a process: speaks ZMTP 3.0 on bare sockets, and
// of each value keeps only what it adds to the digest. Joins as docs/clone-protocol.md says. For one thread.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/clone/protocol.h"

namespace tapedeck::clone {

// One connection to a ZeroMQ socket. Owns its handle.
class ZmtpConnection {
 public:
  using OnMessage = std::function<void(std::span<const core::Bytes>)>;
  ZmtpConnection() = default;
  ~ZmtpConnection() { close(); }
  ZmtpConnection(const ZmtpConnection&) = delete;
  ZmtpConnection& operator=(const ZmtpConnection&) = delete;

  // Starts to connect to a loopback port, which is done when it can be written to; `opening` are the messages to send
  // when the peer has greeted.
  void open(int port, std::string_view socket_type, std::string opening);
  void close();
  [[nodiscard]] int fd() const { return fd_; }
  // It can be written to for the first time, or there is something to read. False if the peer is gone.
  [[nodiscard]] bool progress(const OnMessage& on_message);

 private:
  [[nodiscard]] bool greet();
  void write(std::string_view bytes) const;
  size_t parse(core::Bytes bytes, const OnMessage& on_message);

  int fd_ = -1;
  bool has_greeted_ = false;
  bool greeted_ = false;  // both of us, whole
  std::string type_;
  std::string opening_;
  std::string rest_;                 // of a frame that is not complete
  std::vector<std::string> frames_;  // of a message that is not complete
};

[[nodiscard]] std::string zmtp_frame(std::string_view body, bool more);

class LightClient {
 public:
  // What clients share: the numbers of the keys.
  using Keys = std::unordered_map<std::string, uint32_t>;
  explicit LightClient(Keys& keys) : keys_(keys) {}

  void open(int port);
  void close();
  // As of ZmtpConnection, for one of its connections. Tells of each update as it is applied.
  void progress(int fd, const std::function<void(const Message&)>& on_update);
  [[nodiscard]] int updates_fd() const { return sub_.fd(); }
  [[nodiscard]] int snapshot_fd() const { return dealer_.fd(); }  // -1 where there is none

  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] bool failed() const { return failed_; }  // a hole, or a connection lost
  [[nodiscard]] uint64_t sequence() const { return sequence_; }
  [[nodiscard]] uint64_t published() const { return published_; }  // messages, heartbeats too, since open()
  [[nodiscard]] uint64_t digest() const { return digest_; }

 private:
  void on_published(const Message& message, const std::function<void(const Message&)>& on_update);
  void put(std::string_view key, std::string_view value);

  Keys& keys_;
  int port_ = 0;
  ZmtpConnection sub_;
  ZmtpConnection dealer_;
  std::vector<std::array<std::string, kFrames>> held_;  // published while the snapshot is under way
  std::vector<uint64_t> parts_;                         // of the digest, by number of the key
  uint64_t digest_ = 0;
  uint64_t sequence_ = 0;
  uint64_t published_ = 0;
  bool synced_ = false;
  bool failed_ = false;
};

}  // namespace tapedeck::clone
