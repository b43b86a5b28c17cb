// Frames of the packed wire, made by hand, and a handler that keeps what it is given: what the tests of the Black Box
// share.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/blackbox/black_box.h"
#include "engine/tape/digest.h"
#include "engine/transport/envelope.h"

namespace tapedeck::blackbox {

inline constexpr uint64_t kPublisher = 77;

using ByteVector = std::vector<std::byte>;

// A sealed block of `count` records from `first`: "LANE:NUMBER", of topic `lane`.
[[nodiscard]] ByteVector make_block(uint16_t lane, uint64_t first, uint32_t count,
                                    tape::Codec codec = tape::Codec::kNone);

// One frame of these blocks, as a publisher stamps it.
[[nodiscard]] ByteVector make_frame(uint16_t lane, uint64_t wire_sequence, uint32_t count,
                                    const std::vector<ByteVector>& blocks, uint64_t publisher = kPublisher);
// A frame of one block.
[[nodiscard]] ByteVector make_frame(uint16_t lane, uint64_t first, uint32_t count, uint64_t publisher = kPublisher);

[[nodiscard]] std::string payload(uint16_t lane, uint64_t number);
[[nodiscard]] std::vector<std::string> payloads(uint16_t lane, uint64_t first, uint64_t count);
// The digest of records [0, counts[lane]) of each lane.
[[nodiscard]] std::string digest_of(const std::map<uint16_t, uint32_t>& counts);

// What handlers were given, of all workers. Lanes come in the order of the calls.
struct Kept {
  std::mutex mutex;
  std::map<uint16_t, std::vector<std::string>> payloads;  // by lane
  std::map<uint16_t, std::vector<uint64_t>> blocks;       // their wire sequences, by lane
  std::vector<std::string> topics;
};

class KeepingHandler final : public Handler {
 public:
  explicit KeepingHandler(Kept& kept) : kept_(kept) {}
  void on_block(const Block& block) override;

 private:
  Kept& kept_;
};

}  // namespace tapedeck::blackbox
