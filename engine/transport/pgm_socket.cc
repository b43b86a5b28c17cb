#include "engine/transport/pgm_socket.h"

#include <netinet/in.h>
#if defined(__clang__)
#define restrict __restrict  // for OpenPGM's headers; clang has it in C only  NOLINT(readability-identifier-naming)
#endif
#include <pgm/pgm.h>
#undef restrict

#include <algorithm>
#include <array>
#include <random>

#include "engine/core/parse.h"
#include "engine/transport/receive_buffer.h"

namespace tapedeck::transport {
namespace {

// OpenPGM leaves so many bytes of each packet free for options of fragments, of which nobody here makes any.
constexpr unsigned kReservedForFragments = 20;
constexpr unsigned kTpduMax = 65'535;
constexpr size_t kPacketsAtOnce = 64;  // packets

// Of repairs and heartbeats, as libzmq sets them.
constexpr int kPeerExpiry_us = 300'000'000;
constexpr int kSourceRequestExpiry_us = 25'000;
constexpr int kNakBackOff_us = 50'000;
constexpr int kNakRepeat_us = 200'000;
constexpr int kNakData_us = 200'000;
constexpr int kNakRetries = 50;
constexpr int kAmbientSourcePath_us = 30'000'000;
constexpr std::array kHeartbeats_us = {100'000,   100'000,    100'000,    100'000,   1'300'000,
                                       7'000'000, 16'000'000, 25'000'000, 30'000'000};
constexpr int kExpeditedForwarding = 0x2e << 2;

class PgmError {
 public:
  ~PgmError() { pgm_error_free(error_); }
  PgmError() = default;
  PgmError(const PgmError&) = delete;
  PgmError& operator=(const PgmError&) = delete;
  [[nodiscard]] pgm_error_t** out() { return &error_; }
  [[nodiscard]] auto failed(std::string_view what) const {
    return core::fail("OpenPGM cannot {}: {}", what,
                      error_ != nullptr && error_->message != nullptr ? error_->message : "no reason given");
  }

 private:
  pgm_error_t* error_ = nullptr;
};

struct FreeAddresses {
  void operator()(pgm_addrinfo_t* addresses) const { pgm_freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<pgm_addrinfo_t, FreeAddresses>;

struct Option {
  int name;
  int value;
};

core::Status set(pgm_sock_t* socket, std::initializer_list<Option> options) {
  for (const auto& [name, value] : options) {
    if (!pgm_setsockopt(socket, IPPROTO_PGM, name, &value, sizeof value)) {
      return core::fail("OpenPGM does not take {} for its option {:#x}", value, name);
    }
  }
  return {};
}

core::Result<Addresses> resolve(const MulticastSettings& settings) {
  PgmError error;
  pgm_addrinfo_t* found = nullptr;
  const std::string network = fmt::format("{};{}", settings.interface, settings.group);
  if (!pgm_getaddrinfo(network.c_str(), nullptr, &found, error.out())) return error.failed("resolve " + network);
  return Addresses(found);
}

int window_packets(const MulticastSettings& settings) {
  return static_cast<int>(std::clamp<uint64_t>(settings.window_bytes / settings.mtu_bytes, 1, 1u << 30));
}

core::Status set_up_sender(pgm_sock_t* socket, const MulticastSettings& settings) {
  TD_TRY(set(socket,
             {{PGM_SEND_ONLY, 1}, {PGM_TXW_SQNS, window_packets(settings)}, {PGM_AMBIENT_SPM, kAmbientSourcePath_us}}));
  if (pgm_setsockopt(socket, IPPROTO_PGM, PGM_HEARTBEAT_SPM, kHeartbeats_us.data(), sizeof kHeartbeats_us)) return {};
  return core::fail("OpenPGM does not take the intervals of its heartbeats");
}

core::Status set_up_receiver(pgm_sock_t* socket, const MulticastSettings& settings) {
  return set(socket, {{PGM_RECV_ONLY, 1},
                      {PGM_RXW_SQNS, window_packets(settings)},
                      {PGM_PEER_EXPIRY, kPeerExpiry_us},
                      {PGM_SPMR_EXPIRY, kSourceRequestExpiry_us},
                      {PGM_NAK_BO_IVL, kNakBackOff_us},
                      {PGM_NAK_RPT_IVL, kNakRepeat_us},
                      {PGM_NAK_RDATA_IVL, kNakData_us},
                      {PGM_NAK_DATA_RETRIES, kNakRetries},
                      {PGM_NAK_NCF_RETRIES, kNakRetries}});
}

core::Status bind(pgm_sock_t* socket, const MulticastSettings& settings, const pgm_addrinfo_t& addresses) {
  pgm_sockaddr_t address{};
  address.sa_port = static_cast<uint16_t>(core::parse_count(settings.port).value_or(0));
  std::random_device random;
  const std::array<uint32_t, 2> identity{random(), random()};
  pgm_gsi_create_from_data(&address.sa_addr.gsi, reinterpret_cast<const uint8_t*>(identity.data()), sizeof identity);
  pgm_interface_req_t interface {};
  interface.ir_interface = addresses.ai_recv_addrs[0].gsr_interface;
  PgmError error;
  if (pgm_bind3(socket, &address, sizeof address, &interface, sizeof interface, &interface, sizeof interface,
                error.out())) {
    return {};
  }
  return error.failed("bind");
}

core::Status join(pgm_sock_t* socket, const MulticastSettings& settings, const pgm_addrinfo_t& addresses) {
  if (!pgm_setsockopt(socket, IPPROTO_PGM, PGM_JOIN_GROUP, &addresses.ai_recv_addrs[0], sizeof(group_req)) ||
      !pgm_setsockopt(socket, IPPROTO_PGM, PGM_SEND_GROUP, &addresses.ai_send_addrs[0], sizeof(group_req))) {
    return core::fail("OpenPGM cannot join {}", settings.group);
  }
  TD_TRY(
      set(socket, {{PGM_MULTICAST_LOOP, 0}, {PGM_MULTICAST_HOPS, static_cast<int>(settings.hops)}, {PGM_NOBLOCK, 1}}));
  static_cast<void>(set(socket, {{PGM_TOS, kExpeditedForwarding}}));  // a wish
  PgmError error;
  return pgm_connect(socket, error.out()) ? core::Status{} : error.failed("connect");
}

int get(pgm_sock_t* socket, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  pgm_getsockopt(socket, IPPROTO_PGM, option, &value, &size);
  return value;
}

// While OpenPGM runs.
class Call {
 public:
  explicit Call(std::atomic<uint64_t>& calls) : calls_(calls) { count(); }
  ~Call() { count(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  void count() { calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  std::atomic<uint64_t>& calls_;
};

uint64_t sender_of(const pgm_sk_buff_t& packet) {
  static_assert(sizeof packet.tsi == sizeof(uint64_t));
  return core::load_le<uint64_t>(reinterpret_cast<const std::byte*>(&packet.tsi));
}

}  // namespace

void PgmSocket::Closing::operator()(pgm_sock_t* socket) const {
  pgm_close(socket, true);
  pgm_shutdown();
}

core::Result<std::unique_ptr<PgmSocket>> PgmSocket::open(PgmRole role, const MulticastSettings& settings) {
  PgmError error;
  if (!pgm_init(error.out())) return error.failed("start");
  TD_ASSIGN(const Addresses addresses, resolve(settings));
  const bool is_encapsulated = settings.scheme == Scheme::kEpgm;
  pgm_sock_t* made = nullptr;
  if (!pgm_socket(&made, AF_INET, SOCK_SEQPACKET, is_encapsulated ? IPPROTO_UDP : IPPROTO_PGM, error.out())) {
    return error.failed("make a socket");
  }
  Handle socket(made);
  if (is_encapsulated) {
    const auto port = static_cast<int>(core::parse_count(settings.port).value_or(0));
    TD_TRY(set(made, {{PGM_UDP_ENCAP_UCAST_PORT, port}, {PGM_UDP_ENCAP_MCAST_PORT, port}}));
  }
  TD_TRY(set(made, {{PGM_MTU, static_cast<int>(std::min(settings.mtu_bytes + kReservedForFragments, kTpduMax))}}));
  TD_TRY(role == PgmRole::kSend ? set_up_sender(made, settings) : set_up_receiver(made, settings));
  TD_TRY(bind(made, settings, *addresses));
  TD_TRY(join(made, settings, *addresses));
  std::unique_ptr<PgmSocket> self(new PgmSocket(std::move(socket)));
  // Where its buffer overflows, a receiver is soon deaf: it is as large as permissions allow.
  static_cast<void>(set_receive_buffer(self->handle(PGM_RECV_SOCK), settings.buffer_bytes));
  if (role == PgmRole::kSend) self->handles_.push_back({self->handle(PGM_REPAIR_SOCK), POLLIN, 0});
  return self;
}

PgmSocket::PgmSocket(Handle socket)
    : socket_(std::move(socket)),
      packet_bytes_(static_cast<size_t>(get(socket_.get(), PGM_MSS))),
      handles_({{handle(PGM_RECV_SOCK), POLLIN, 0}, {handle(PGM_PENDING_SOCK), POLLIN, 0}}),
      received_(kPacketsAtOnce) {}

PgmSocket::~PgmSocket() = default;

int PgmSocket::handle(int option) const { return get(socket_.get(), option); }

pollfd PgmSocket::writable() const { return {handle(PGM_SEND_SOCK), POLLOUT, 0}; }

bool PgmSocket::send(core::Bytes packet) {
  const Call call(calls_);
  return pgm_send(socket_.get(), packet.data(), packet.size(), nullptr) == PGM_IO_STATUS_NORMAL;
}

core::Result<bool> PgmSocket::work(const Take& take) {
  size_t bytes = 0;
  PgmError error;
  int status = PGM_IO_STATUS_ERROR;
  {
    const Call call(calls_);
    status = pgm_recvmsgv(socket_.get(), received_.data(), received_.size(), MSG_ERRQUEUE, &bytes, error.out());
  }
  switch (status) {
    case PGM_IO_STATUS_NORMAL: give_away(bytes, take); return true;
    case PGM_IO_STATUS_RESET: {
      pgm_sk_buff_t* lost = received_.front().msgv_skb[0];
      take(sender_of(*lost), {});
      pgm_free_skb(lost);
      return true;
    }
    case PGM_IO_STATUS_EOF: return true;  // a datagram without a byte
    case PGM_IO_STATUS_TIMER_PENDING:
    case PGM_IO_STATUS_RATE_LIMITED:
    case PGM_IO_STATUS_WOULD_BLOCK: return false;
    default: return error.failed("receive");
  }
}

// Packets in fragments are not ZeroMQ's.
void PgmSocket::give_away(size_t bytes, const Take& take) {
  for (auto next = received_.begin(); bytes > 0 && next != received_.end(); ++next) {
    size_t size = 0;
    for (unsigned i = 0; i < next->msgv_len; ++i) size += next->msgv_skb[i]->len;
    const pgm_sk_buff_t& packet = *next->msgv_skb[0];
    take(sender_of(packet),
         next->msgv_len == 1 ? core::Bytes(static_cast<const std::byte*>(packet.data), packet.len) : core::Bytes());
    bytes -= std::min(bytes, size);
  }
}

int64_t PgmSocket::timeout_ns(int64_t max_ns) const {
  timeval left{};
  socklen_t size = sizeof left;
  if (!pgm_getsockopt(socket_.get(), IPPROTO_PGM, PGM_TIME_REMAIN, &left, &size)) return max_ns;
  return std::clamp<int64_t>(int64_t{left.tv_sec} * 1'000'000'000 + left.tv_usec * int64_t{1000}, 0, max_ns);
}

}  // namespace tapedeck::transport
