// Makes of the messages of the plain wire, which are single records, what the packed wire brings: frames of blocks,
// lane by lane, in a wire sequence of their own. So all behind it (dispatch, workers, accounts, receipt) is the same
// for both wires. For the SUB thread that owns it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/blackbox/topic_index.h"
#include "engine/tape/block.h"
#include "engine/transport/in_band.h"
#include "engine/transport/plain_message.h"
#include "engine/transport/socket.h"

namespace tapedeck::blackbox {

class PlainGatherer {
 public:
  using GiveOn = std::function<void(zmq::message_t frame)>;

  // Of the replay that has announced this. Full frames go to `give_on`.
  PlainGatherer(const transport::Announcement& announcement, transport::Dictionary dictionary, GiveOn give_on);

  enum class Taken : uint8_t {
    kRecord,
    kRepeated,  // came before, and is left out
    kForeign,   // no plain message, or of a topic that the replay does not have
  };
  // Messages that are missing before this one show in the lane's wire sequence, behind the block that is open.
  [[nodiscard]] Taken take(core::Bytes message);

  // Gives on what waits to fill its block.
  void flush();

 private:
  struct LaneBlock {
    tape::BlockBuilder builder;
    uint64_t wire_sequence = 0;  // of the next frame
    uint64_t missing = 0;        // records, while it was filled
    uint64_t sent_ns = 0;        // of its first record
  };

  LaneBlock& block_of(core::Lane lane);
  void give_on(core::Lane lane, LaneBlock& block);

  const transport::Announcement announcement_;
  const transport::Dictionary dictionary_;  // with the names that topics_ finds
  const GiveOn give_on_;
  TopicIndex topics_;
  std::vector<std::unique_ptr<LaneBlock>> blocks_;  // by lane; null until it has a record
};

}  // namespace tapedeck::blackbox
