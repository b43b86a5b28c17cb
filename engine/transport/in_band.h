// What a replay tells everybody in band, on the data socket: who it is, what topics are called, and that the tape has
// ended. One ZeroMQ message of one frame each; the first eight bytes tell the kind (docs/wire-protocol.md, "In-band
// messages"). Decoders take bytes of any origin.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/core/bytes.h"
#include "engine/core/status.h"
#include "engine/core/types.h"

namespace tapedeck::transport {

inline constexpr std::string_view kAnnouncementPrefix = "TDS/ANN/";
inline constexpr std::string_view kDictionaryPrefix = "TDS/DIC/";
inline constexpr std::string_view kEndPrefix = "TDS/END/";

// How often they are repeated, for whoever joins late.
inline constexpr int64_t kAnnouncementInterval_ns = 1'000'000'000;
inline constexpr uint64_t kDictionaryShare = 100;  // of the bytes sent, it takes at most one part in this many

using Message = std::vector<std::byte>;

// How records travel on the data sockets.
enum class Wire {
  kPacked,  // whole runs of blocks in a frame
  kPlain,   // a message for each record, for any ZeroMQ client
};
[[nodiscard]] std::string_view wire_name(Wire wire);

struct Announcement {
  uint64_t publisher = 0;
  core::TapeId tape{};
  std::string tape_name;
  std::string session_endpoint;        // its host "*" means the host to which the subscriber connected
  uint32_t shard = 0;                  // which of them says this
  std::vector<std::string> endpoints;  // of the data, one for each shard, in order
  uint64_t records = 0;                // that one pass over the selection will send, as far as known beforehand
  uint32_t batch_bytes = 0;            // of a run at most, unless a single block is larger
  bool paced = false;
  Wire wire = Wire::kPacked;
  bool source_times = true;  // whether the records of the tape have them
};

inline constexpr core::Lane kLaneUnknown{0xffff};

// All topic names of a tape, by id.
struct Dictionary {
  core::TapeId tape{};
  std::vector<std::string> names;
  std::vector<core::Lane> lanes{};  // in which each topic is; unknown where there is no entry
};

// Of one shard's part of it.
struct EndOfTape {
  uint64_t publisher = 0;
  uint32_t shard = 0;
  bool interrupted = false;                     // not all that was asked for
  std::map<core::Lane, uint64_t> records_sent;  // in all, by lane
};

[[nodiscard]] Message encode(const Announcement& announcement);
[[nodiscard]] Message encode(const Dictionary& dictionary);
[[nodiscard]] Message encode(const EndOfTape& end);

[[nodiscard]] core::Result<Announcement> decode_announcement(core::Bytes message);
[[nodiscard]] core::Result<Dictionary> decode_dictionary(core::Bytes message);
[[nodiscard]] core::Result<EndOfTape> decode_end(core::Bytes message);

}  // namespace tapedeck::transport
