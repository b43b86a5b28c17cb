// OpenPGM's socket, for one role and one group. It belongs to one thread; only calls() may be called from any. OpenPGM
// may abort the process on what comes from the network, or not come back (docs/decisions/0008).
#pragma once

#include <poll.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "engine/core/bytes.h"
#include "engine/core/status.h"
#include "engine/transport/multicast.h"
#include "engine/transport/pgm_process.h"

struct pgm_sock_t;
struct pgm_msgv_t;

namespace tapedeck::transport {

class PgmSocket {
 public:
  // Of the settings it uses scheme, group, port, interface, window, MTU, hops and buffer.
  [[nodiscard]] static core::Result<std::unique_ptr<PgmSocket>> open(PgmRole role, const MulticastSettings& settings);
  ~PgmSocket();
  PgmSocket(const PgmSocket&) = delete;
  PgmSocket& operator=(const PgmSocket&) = delete;

  // Of what a packet carries.
  [[nodiscard]] size_t packet_bytes() const { return packet_bytes_; }
  // False where there is no room just now: then the same packet again, once writable() is.
  [[nodiscard]] bool send(core::Bytes packet);
  [[nodiscard]] pollfd writable() const;

  // What came, by its sender; valid during the call. No bytes at all: a packet of this sender is lost for good.
  using Take = std::function<void(uint64_t sender, core::Bytes packet)>;
  // Does what is due: answers requests, makes its own, and gives away some of what has come. False if there was nothing
  // to give away; then it is due again when one of handles() is ready, or after timeout_ns().
  [[nodiscard]] core::Result<bool> work(const Take& take);
  [[nodiscard]] const std::vector<pollfd>& handles() const { return handles_; }
  // At most `max_ns`.
  [[nodiscard]] int64_t timeout_ns(int64_t max_ns) const;

  // Counts each call of OpenPGM at its begin and at its end.
  [[nodiscard]] uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  struct Closing {
    void operator()(pgm_sock_t* socket) const;
  };
  using Handle = std::unique_ptr<pgm_sock_t, Closing>;
  explicit PgmSocket(Handle socket);

  [[nodiscard]] int handle(int option) const;
  void give_away(size_t bytes, const Take& take);

  Handle socket_;
  size_t packet_bytes_ = 0;
  std::vector<pollfd> handles_;
  std::vector<pgm_msgv_t> received_;
  std::atomic<uint64_t> calls_{0};
};

}  // namespace tapedeck::transport
