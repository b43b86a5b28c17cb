// Builds packets and messages for tests, field by field from the specifications and with nothing of what reads them.
// Bytes are strings here, so that they can be put together with +.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck::feed::wire {

[[nodiscard]] std::string be(uint64_t value, size_t size);
[[nodiscard]] std::string le(uint64_t value, size_t size);
[[nodiscard]] std::string padded(std::string_view text, size_t size);  // with spaces

inline constexpr uint16_t kPort = 5000;
inline constexpr uint8_t kUdpProtocol = 17;

[[nodiscard]] std::string udp(std::string_view payload, uint16_t port = kPort);
// From 10.0.0.1 to `to` (host order).
[[nodiscard]] std::string ipv4(std::string_view payload, uint8_t protocol = kUdpProtocol, uint32_t to = 0xef010203,
                               uint16_t fragment = 0);
// From fe80::1 to ff02::9.
[[nodiscard]] std::string ipv6(std::string_view payload, uint8_t next = kUdpProtocol);
[[nodiscard]] std::string ethernet(std::string_view payload, uint16_t ether_type = 0x0800);
// A whole frame to 239.1.2.3.
[[nodiscard]] std::string frame(std::string_view payload, uint16_t port = kPort);

[[nodiscard]] std::string mold(std::string_view session, uint64_t sequence, const std::vector<std::string>& messages);
[[nodiscard]] std::string mold_heartbeat(std::string_view session, uint64_t sequence, uint16_t count = 0);

// A message of `size` bytes; the symbol, if any, at `symbol_at`.
[[nodiscard]] std::string itch(char type, size_t size, uint16_t locate, uint64_t time_ns, std::string_view symbol = "",
                               size_t symbol_at = 0);
[[nodiscard]] std::string itch_add(uint16_t locate, std::string_view symbol, uint64_t time_ns = 0);        // A
[[nodiscard]] std::string itch_directory(uint16_t locate, std::string_view symbol, uint64_t time_ns = 0);  // R
[[nodiscard]] std::string itch_delete(uint16_t locate, uint64_t time_ns = 0);                              // D

[[nodiscard]] std::string iex_message(char type, size_t size, uint64_t time_ns, std::string_view symbol);
struct IexHead {
  uint8_t version = 1;
  uint16_t protocol = 0x8003;
  uint32_t channel = 1;
  uint32_t session = 0x441c0000;
  uint64_t sequence = 1;
};
[[nodiscard]] std::string iex(const IexHead& head, const std::vector<std::string>& messages);

}  // namespace tapedeck::feed::wire
