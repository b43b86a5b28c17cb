#include "tests/engine/feed/wire.h"

#include <algorithm>

namespace tapedeck::feed::wire {

std::string le(uint64_t value, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
  return bytes;
}

std::string be(uint64_t value, size_t size) {
  std::string bytes = le(value, size);
  std::ranges::reverse(bytes);
  return bytes;
}

std::string padded(std::string_view text, size_t size) {
  std::string bytes(text);
  bytes.resize(size, ' ');
  return bytes;
}

std::string udp(std::string_view payload, uint16_t port) {
  return be(40000, 2) + be(port, 2) + be(8 + payload.size(), 2) + be(0, 2) + std::string(payload);
}

std::string ipv4(std::string_view payload, uint8_t protocol, uint32_t to, uint16_t fragment) {
  return be(0x4500, 2) + be(20 + payload.size(), 2) + be(7, 2) + be(fragment, 2) + be(64, 1) + be(protocol, 1) +
         be(0, 2) + be(0x0a000001, 4) + be(to, 4) + std::string(payload);
}

std::string ipv6(std::string_view payload, uint8_t next) {
  return be(0x60000000, 4) + be(payload.size(), 2) + be(next, 1) + be(64, 1) + be(0xfe80000000000000, 8) + be(1, 8) +
         be(0xff02000000000000, 8) + be(9, 8) + std::string(payload);
}

std::string ethernet(std::string_view payload, uint16_t ether_type) {
  return std::string(12, '\x02') + be(ether_type, 2) + std::string(payload);
}

std::string frame(std::string_view payload, uint16_t port) { return ethernet(ipv4(udp(payload, port))); }

std::string mold(std::string_view session, uint64_t sequence, const std::vector<std::string>& messages) {
  std::string bytes = mold_heartbeat(session, sequence, static_cast<uint16_t>(messages.size()));
  for (const std::string& message : messages) bytes += be(message.size(), 2) + message;
  return bytes;
}

std::string mold_heartbeat(std::string_view session, uint64_t sequence, uint16_t count) {
  return padded(session, 10) + be(sequence, 8) + be(count, 2);
}

std::string itch(char type, size_t size, uint16_t locate, uint64_t time_ns, std::string_view symbol, size_t symbol_at) {
  std::string bytes = type + be(locate, 2) + be(0, 2) + be(time_ns, 6);
  bytes.resize(size, 'x');
  if (symbol_at > 0) bytes.replace(symbol_at, 8, padded(symbol, 8));
  return bytes;
}

std::string itch_add(uint16_t locate, std::string_view symbol, uint64_t time_ns) {
  return itch('A', 36, locate, time_ns, symbol, 24);
}

std::string itch_directory(uint16_t locate, std::string_view symbol, uint64_t time_ns) {
  return itch('R', 39, locate, time_ns, symbol, 11);
}

std::string itch_delete(uint16_t locate, uint64_t time_ns) { return itch('D', 19, locate, time_ns); }

std::string iex_message(char type, size_t size, uint64_t time_ns, std::string_view symbol) {
  std::string bytes = type + std::string(1, 'f') + le(time_ns, 8) + padded(symbol, 8);
  bytes.resize(size, 'x');
  return bytes;
}

std::string iex(const IexHead& head, const std::vector<std::string>& messages) {
  std::string blocks;
  for (const std::string& message : messages) blocks += le(message.size(), 2) + message;
  return le(head.version, 1) + le(0, 1) + le(head.protocol, 2) + le(head.channel, 4) + le(head.session, 4) +
         le(blocks.size(), 2) + le(messages.size(), 2) + le(0, 8) + le(head.sequence, 8) + le(0, 8) + blocks;
}

}  // namespace tapedeck::feed::wire
