// Takes runs and slices apart for the plain wire: each record becomes a message of its own, numbered within its topic.
// And what a tape must be for that: every topic with a name that is its alone. One for each shard, for one thread.
#pragma once

#include <vector>
#include <zmq.hpp>

#include "engine/tape/tape_reader.h"
#include "engine/transport/in_band.h"
#include "engine/transport/plain_message.h"

namespace tapedeck::replay {

// The topics of a tape as the plain wire calls them.
struct PlainTopics {
  transport::Dictionary dictionary;  // one that has no name, or shares it with another, is told by its id: "#7"
  bool source_times = true;          // whether the records have them
};

// Of a tape that was opened with its topics' blocks. Fails (kUsage) where a name would be taken for one of our own
// messages.
[[nodiscard]] core::Result<PlainTopics> plain_topics(const tape::TapeReader& tape);

class PlainSender {
 public:
  // `topics` must outlive it.
  explicit PlainSender(const PlainTopics& topics) : topics_(topics), next_sequence_(topics.dictionary.names.size()) {}

  // The block at the front of verified bytes, taken off them; damaged where its records cannot be sent one by one.
  [[nodiscard]] tape::Damage take_block(core::Bytes& run, tape::BlockView& block);

  // The next message of its topic. For a record of a block that take_block found sound.
  [[nodiscard]] zmq::message_t message_of(const tape::RecordView& record, uint64_t sent_ns);

 private:
  const PlainTopics& topics_;
  std::vector<uint64_t> next_sequence_;  // by topic id
  tape::BlockOpener opener_;
};

inline zmq::message_t PlainSender::message_of(const tape::RecordView& record, uint64_t sent_ns) {
  const uint32_t topic = record.topic().value;
  const transport::PlainMessage plain{.topic = topics_.dictionary.names[topic],
                                      .sequence = next_sequence_[topic]++,
                                      .capture_time = record.capture_time(),
                                      .source_time = record.source_time(),
                                      .sent_ns = sent_ns,
                                      .payload = record.payload()};
  zmq::message_t message(transport::plain_size(plain));
  transport::write_plain(message.data<std::byte>(), plain);
  return message;
}

}  // namespace tapedeck::replay
