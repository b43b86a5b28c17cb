// The messages of the Clone protocol, CHP (docs/clone-protocol.md): five frames each, but for the request for a
// snapshot. Decoding looks at bytes of any origin, copies nothing and allocates nothing; a Message is a view of the
// frames that it was decoded from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/bytes.h"

namespace tapedeck::clone {

inline constexpr std::string_view kRequest = "ICANHAZ?";
inline constexpr std::string_view kEnd = "KTHXBAI";
inline constexpr std::string_view kHeartbeat = "HUGZ";
inline constexpr size_t kFrames = 5;
inline constexpr size_t kUuidBytes = 16;
inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr size_t kValueBytesMax = 64 * 1024 * 1024;         // whatever a server is told to take
inline constexpr size_t kPropertiesBytesMax = 4096;                // of a KVSET
inline constexpr size_t kPublishedPropertiesBytesMax = 64 * 1024;  // with those that a server adds
inline constexpr int64_t kTtlMax_s = 10LL * 365 * 24 * 3600;

// One of KVSET, KVPUB, KVSYNC, HUGZ and KTHXBAI. An empty value of a KVSET or KVPUB deletes.
struct Message {
  std::string_view key = {};  // or the command's name
  uint64_t sequence = 0;
  std::string_view uuid = {};        // empty, or 16 bytes; others of up to 64 are passed on
  std::string_view properties = {};  // lines of "name=value\n"
  std::string_view value = {};
};

// Why a message is dropped.
enum class Fault { kNone, kFrameCount, kSequenceWidth, kUuidSize, kKey, kProperties, kTtl };
inline constexpr size_t kFaults = 7;
[[nodiscard]] std::string_view fault_name(Fault fault);

// `frames` are all that came, also where they are too few or too many.
[[nodiscard]] Fault decode(std::span<const core::Bytes> frames, Message& message);
// The subtree that a request asks for; none where the message is no request.
[[nodiscard]] std::optional<std::string_view> decode_request(std::span<const core::Bytes> frames);

// As frames; the sequence comes as its eight bytes.
[[nodiscard]] std::array<std::byte, 8> encode_sequence(uint64_t sequence);

// 1 to kKeyBytesMax bytes, no NUL, and none of the commands' names.
[[nodiscard]] bool is_key(std::string_view text);
[[nodiscard]] bool is_command(std::string_view text);
// Empty, which is everything, or "/a/" or "/a/b/".
[[nodiscard]] bool is_subtree(std::string_view text);
// The longest subtree that has the key in it: "/a/b/" of "/a/b/c", everything of "c".
[[nodiscard]] std::string_view subtree_of(std::string_view key);

[[nodiscard]] std::optional<std::string_view> property(std::string_view properties, std::string_view name);
[[nodiscard]] std::optional<uint64_t> integer_property(std::string_view properties, std::string_view name);
// How long a KVSET's key lives, in seconds: 0 where it has no ttl, or one of 0, which is for ever. Fault where it is no
// whole number of 0 to kTtlMax_s.
[[nodiscard]] Fault ttl_of(std::string_view properties, int64_t& ttl_s);

[[nodiscard]] std::array<char, kUuidBytes> new_uuid();

// The properties that are ours (docs/clone-protocol.md, "Extensions").
inline constexpr std::string_view kTtl = "ttl";
inline constexpr std::string_view kInstance = "instance";   // of a server: 16 hex digits, another after each start
inline constexpr std::string_view kLast = "last";           // sequence of the last KVPUB
inline constexpr std::string_view kRefused = "refused";     // why, of a KVSET or request
inline constexpr std::string_view kDone = "done";           // at which sequence a repeated KVSET was published before
inline constexpr std::string_view kValueMax = "value_max";  // bytes of a value that the server takes
inline constexpr std::string_view kSince = "since";         // above which a HUGZ has the last updates of all subtrees
[[nodiscard]] std::string previous_property(size_t subtree_bytes);  // sequence before this one in that subtree
[[nodiscard]] std::string last_property(std::string_view subtree);  // sequence of the last KVPUB in it

}  // namespace tapedeck::clone
