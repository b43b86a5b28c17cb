// The loss ledger: what the tape does not hold although it was sent, and why. Entries are kept in the file ledger.seg
// of the tape, in frames like those of a lane (docs/tape-format.md, "Loss ledger").
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/tape/format.h"

namespace tapedeck::tape {

enum class LossCause : uint16_t {
  kSequenceGap = 1,  // the source's numbers jumped ahead; `count` messages from `first` never came
  kOversized = 2,    // a message larger than kPayloadBytesMax
  kCutPacket = 3,    // the capture holds only the beginning of a packet; `count` is 0 where its messages are unknown
  kCutFile = 4,      // the input ended inside a packet
  kNotWritten = 5,   // records that had been taken in could not be written: the disk was full or failed
  kLostRecords = 6,  // records of `lane`, from `first` on, that were on this tape and are gone
  kNotConverted = 7  // likewise of the tape that this one was converted from; there they are gone or damaged
};

// One loss. Plain data.
struct Loss {
  SourceId source{};
  LossCause cause = LossCause::kSequenceGap;
  Lane lane{};            // of kLostRecords and kNotConverted; otherwise 0
  uint64_t first = 0;     // the source's own number of the first lost message, 0 where it has none; of records of a
                          // lane their sequence
  uint64_t count = 0;     // messages lost, where that is known
  Nanos time{};           // capture time at which it was noticed
  std::string session{};  // of the source's protocol, at most 16 bytes
};

[[nodiscard]] std::string_view loss_cause_name(LossCause cause);  // "sequence_gap", ...

// The body of a ledger frame, and back. Fails on bytes that are no such body.
[[nodiscard]] std::vector<std::byte> encode_losses(const std::vector<Loss>& losses);
[[nodiscard]] core::Result<std::vector<Loss>> decode_losses(Bytes body);

}  // namespace tapedeck::tape
