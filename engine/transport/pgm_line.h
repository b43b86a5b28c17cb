// Lines of PGM and EPGM. OpenPGM aborts its process on malformed datagrams, so it runs in a child process that is
// started again (docs/decisions/0008): what was inside of it is lost, which the sequence of lanes shows, and a notice
// tells. Back-pressure goes through all of it: nothing is dropped for want of room on the sending side.
#pragma once

#include <sys/uio.h>

#include <array>
#include <memory>

#include "engine/core/notices.h"
#include "engine/transport/line.h"
#include "engine/transport/multicast.h"
#include "engine/transport/pgm_packet.h"
#include "engine/transport/pgm_supervisor.h"

namespace tapedeck::transport {

class PgmSender final : public LineSender {
 public:
  explicit PgmSender(const MulticastSettings& settings, core::Notices& notices);
  // Waits until all is sent, and until what was lost of it can have been sent again.
  ~PgmSender() override;
  PgmSender(const PgmSender&) = delete;
  PgmSender& operator=(const PgmSender&) = delete;

  [[nodiscard]] core::Status start() { return child_.start(); }
  // Each datagram arrives as it is, without bytes behind its end.
  [[nodiscard]] bool send(const DatagramBatch& batch, const core::StopFlag& stop) override;
  [[nodiscard]] bool send_message(core::Bytes message, const core::StopFlag& stop) override;
  [[nodiscard]] size_t datagram_bytes() const override { return settings_.datagram_bytes; }
  [[nodiscard]] size_t datagrams_at_once() const override;
  [[nodiscard]] uint64_t restarts() const { return child_.restarts(); }

 private:
  enum class Outcome { kTaken, kEnded, kStopped };

  void add(core::Bytes message);
  [[nodiscard]] bool flush(const core::StopFlag& stop);
  [[nodiscard]] Outcome write(msghdr& packet, const core::StopFlag& stop);
  [[nodiscard]] Outcome write_large(core::Bytes message, const core::StopFlag& stop);

  const MulticastSettings settings_;
  core::Notices& notices_;
  PgmSupervisor child_;
  // The packet in the making: lengths and messages in turn, where they lie.
  std::vector<std::array<std::byte, kPgmLengthBytes>> lengths_;
  std::vector<iovec> parts_;
  size_t packet_bytes_ = 0;
};

class PgmReceiver final : public LineReceiver {
 public:
  PgmReceiver(const MulticastSettings& settings, core::Notices& notices)
      : settings_(settings), child_(PgmRole::kReceive, settings, notices) {}

  [[nodiscard]] core::Status start() { return child_.start(); }
  // -1 where there is nothing to wait for, while the process pauses: receive() goes on with its start.
  [[nodiscard]] int handle() const override { return child_.socket(); }
  size_t receive(const std::function<void(core::Bytes)>& take) override;
  [[nodiscard]] core::Status rejoin() override;
  // Half of what the sender can send again.
  [[nodiscard]] size_t window_bytes() const override;
  [[nodiscard]] uint64_t restarts() const { return child_.restarts(); }

 private:
  const MulticastSettings settings_;
  PgmSupervisor child_;
  PgmPacketReader reader_;
};

// Fail with what keeps the process from running: no program, no permission, an interface that is not there.
[[nodiscard]] core::Result<std::unique_ptr<PgmSender>> make_pgm_sender(const MulticastSettings& settings,
                                                                       core::Notices& notices);
[[nodiscard]] core::Result<std::unique_ptr<PgmReceiver>> make_pgm_receiver(const MulticastSettings& settings,
                                                                           core::Notices& notices);

}  // namespace tapedeck::transport
