#include "engine/feed/moldudp64.h"

#include <algorithm>

namespace tapedeck::feed {
namespace {

std::string_view characters(const SessionId& session) {
  return {reinterpret_cast<const char*>(session.words), kMoldSessionSize};
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

}  // namespace

SessionId mold_session(core::Bytes payload) {
  return {{core::load_le<uint64_t>(payload.data()), core::load_le<uint16_t>(payload.data() + 8)}};
}

bool read_mold_head(core::Bytes payload, PacketHead& head) {
  if (payload.size() < kMoldHeadSize) return false;
  const auto count = core::load_be<uint16_t>(payload.data() + 18);
  head.session = mold_session(payload);
  head.sequence = core::load_be<uint64_t>(payload.data() + kMoldSessionSize);
  head.count = count == kMoldEndOfSession ? 0 : count;
  return true;
}

bool is_mold_session_name(const SessionId& session) {
  const std::string_view name = characters(session);
  return std::ranges::all_of(name, [](char c) { return c == ' ' || is_alphanumeric(c); }) &&
         std::ranges::any_of(name, is_alphanumeric);
}

std::string mold_session_text(const SessionId& session) {
  std::string text(characters(session));
  text.resize(text.find_last_not_of(std::string_view(" \0", 2)) + 1);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace tapedeck::feed
