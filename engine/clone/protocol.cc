#include "engine/clone/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>

namespace tapedeck::clone {
namespace {

constexpr size_t kSequenceBytes = 8;
constexpr size_t kUuidBytesMax = 64;
constexpr char kSeparator = '/';

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool are_properties(std::string_view text) {
  if (text.size() > kPublishedPropertiesBytesMax || text.find('\0') != std::string_view::npos) return false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t equals = text.find('=');
    if (end == std::string_view::npos || equals == 0 || equals > end) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

std::string_view fault_name(Fault fault) {
  constexpr std::array<std::string_view, kFaults> kNames = {"none", "frames",     "sequence", "uuid",
                                                            "key",  "properties", "ttl"};
  return kNames[static_cast<size_t>(fault)];
}

Fault decode(std::span<const core::Bytes> frames, Message& message) {
  if (frames.size() != kFrames) return Fault::kFrameCount;
  if (frames[1].size() != kSequenceBytes) return Fault::kSequenceWidth;
  if (frames[2].size() > kUuidBytesMax) return Fault::kUuidSize;
  message = {.key = core::as_text(frames[0]),
             .sequence = core::load_be<uint64_t>(frames[1].data()),
             .uuid = core::as_text(frames[2]),
             .properties = core::as_text(frames[3]),
             .value = core::as_text(frames[4])};
  if (!is_key(message.key) && !is_command(message.key)) return Fault::kKey;
  return are_properties(message.properties) ? Fault::kNone : Fault::kProperties;
}

std::optional<std::string_view> decode_request(std::span<const core::Bytes> frames) {
  if (frames.size() != 2 || core::as_text(frames[0]) != kRequest) return std::nullopt;
  const std::string_view subtree = core::as_text(frames[1]);
  if (!is_subtree(subtree)) return std::nullopt;
  return subtree;
}

std::array<std::byte, 8> encode_sequence(uint64_t sequence) {
  std::array<std::byte, kSequenceBytes> bytes{};
  core::store_be(bytes.data(), sequence);
  return bytes;
}

bool is_command(std::string_view text) { return text == kRequest || text == kEnd || text == kHeartbeat; }

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kKeyBytesMax && text.find('\0') == std::string_view::npos && !is_command(text);
}

bool is_subtree(std::string_view text) {
  return text.empty() || (is_key(text) && text.size() > 1 && text.front() == kSeparator && text.back() == kSeparator);
}

std::string_view subtree_of(std::string_view key) {
  if (!key.starts_with(kSeparator)) return {};
  const std::string_view subtree = key.substr(0, key.rfind(kSeparator) + 1);
  return is_subtree(subtree) ? subtree : std::string_view{};
}

std::optional<std::string_view> property(std::string_view properties, std::string_view name) {
  while (!properties.empty()) {
    const std::string_view line = properties.substr(0, properties.find('\n'));
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=') {
      return line.substr(name.size() + 1);
    }
    properties.remove_prefix(std::min(line.size() + 1, properties.size()));
  }
  return std::nullopt;
}

std::optional<uint64_t> integer_property(std::string_view properties, std::string_view name) {
  const auto text = property(properties, name);
  return text ? whole_number<uint64_t>(*text) : std::nullopt;
}

Fault ttl_of(std::string_view properties, int64_t& ttl_s) {
  ttl_s = 0;
  const auto text = property(properties, kTtl);
  if (!text) return Fault::kNone;
  const auto value = whole_number<int64_t>(*text);
  if (!value || *value < 0 || *value > kTtlMax_s) return Fault::kTtl;
  ttl_s = *value;
  return Fault::kNone;
}

std::array<char, kUuidBytes> new_uuid() {
  thread_local std::mt19937_64 random{std::random_device{}() | uint64_t{std::random_device{}()} << 32};
  std::array<char, kUuidBytes> uuid{};
  for (size_t at = 0; at < kUuidBytes; at += sizeof(uint64_t)) {
    const uint64_t bits = random();
    std::memcpy(uuid.data() + at, &bits, sizeof bits);
  }
  return uuid;
}

std::string previous_property(size_t subtree_bytes) { return fmt::format("previous.{}", subtree_bytes); }

// A name of a property must not have what ends it.
std::string last_property(std::string_view subtree) {
  std::string name = fmt::format("{}.", kLast);
  for (const char c : subtree) c == '=' || c == '\n' || c == '%' ? name += fmt::format("%{:02x}", c) : name += c;
  return name;
}

}  // namespace tapedeck::clone
