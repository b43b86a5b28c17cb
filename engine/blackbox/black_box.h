// The Black Box: receives a replay and calls handlers with whole blocks of records, on M worker threads. N SUB threads,
// one for each shard as a rule, look at envelopes only and push frames on to the workers over inproc; decompression,
// checksums and the walk over records happen there. Nothing is copied between the socket and the handler. It ends with
// a receipt.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "engine/blackbox/topic_table.h"
#include "engine/core/clock.h"
#include "engine/core/status.h"
#include "engine/core/stop.h"
#include "engine/tape/block.h"
#include "engine/topology/plan.h"
#include "engine/transport/multicast.h"
#include "engine/transport/receipt.h"

namespace tapedeck::blackbox {

// A block, as a handler sees it. Everything in it is valid only during the call.
struct Block {
  core::Lane lane{};
  uint32_t pass = 0;               // which loop of the replay
  uint64_t wire_sequence = 0;      // of the first record, within the lane
  const tape::BlockView& records;  // iterate over it for RecordView
  const TopicTable& topics;        // names by topic id
};

// What the user supplies, one for each worker: nothing in it is shared unless the user shares it.
class Handler {
 public:
  virtual ~Handler() = default;
  // Called on one worker's thread. What happens at an exception: Options::on_throw.
  virtual void on_block(const Block& block) = 0;
};
using HandlerFactory = std::function<std::unique_ptr<Handler>(unsigned worker)>;

enum class Dispatch {
  kByLane,  // a lane always goes to the same worker, so its records are handled in order
  kAny,     // any idle worker takes the next run: more even, no order
};

enum class OnThrow {
  kStop,  // the run ends with an error that says what was thrown
  kGoOn,  // it is counted, and the handler is called with the next block
};

struct Options {
  std::string endpoint;  // of the replay; commas name its shards
  std::string also{};    // multicast: further groups, one for each endpoint, that carry the same: what is lost on
                         // one line is taken from the other
  transport::MulticastOptions multicast{};
  unsigned subscribers = 0;  // SUB threads, to which the endpoints are dealt; 0: one for each endpoint
  unsigned workers = 1;      // at least 1
  OnThrow on_throw = OnThrow::kStop;
  Dispatch dispatch = Dispatch::kByLane;
  std::string name;  // for the replay's report; host:pid if empty
  // Of runs of 1 MiB in each queue: socket, and before each worker. When one is full nothing is read from the one
  // before it, up to the replay, which waits. None: 4 MiB, which the SUB threads share, or 64 MiB each with multicast;
  // and 64 MiB of frames that wait for the names of their topics.
  std::optional<uint64_t> queue_bytes{};
  std::vector<topology::ShardPlace> places{};          // of the SUB threads and their I/O threads; free beyond them
  std::vector<topology::ThreadPlace> worker_places{};  // of the workers; free beyond them
  int64_t stall_ns = 10'000'000'000;                   // in one call of a handler before the status tells of it
  int64_t silence_ns = 10'000'000'000;                 // without any sign of the replay before it is taken for dead
  int64_t verdict_timeout_ns = 10'000'000'000;         // for the replay's answer to the receipt
};

[[nodiscard]] core::Status check(const Options& options);  // fails (kUsage) on what cannot be

// What a box does while it runs; told on the caller's thread, about each 100 ms.
struct Status {
  struct Subscriber {  // what a SUB thread has dispatched
    uint64_t frames = 0;
    uint64_t records = 0;
    uint64_t bytes = 0;
  };
  struct Worker {
    uint64_t frames = 0;
    uint64_t records = 0;
    uint64_t record_bytes = 0;
    uint64_t throws = 0;     // of its handler
    int64_t stalled_ns = 0;  // in one call of its handler; 0 while below Options::stall_ns
    std::string in_hand;     // where it stalls: lane and wire sequence
  };
  bool joined = false;                 // the replay
  std::vector<std::string> notices{};  // sentences: what of the places could not be taken. Grows
  std::vector<Subscriber> subscribers{};
  std::vector<Worker> workers{};
};
using OnStatus = std::function<void(const Status&)>;

struct Outcome {
  transport::Receipt receipt;
  bool interrupted = false;   // by the stop flag
  uint64_t throws = 0;        // of handlers, with OnThrow::kGoOn
  std::string first_throw{};  // a sentence
  bool acknowledged = false;  // the replay answered the receipt
  bool equal = false;         // and found it equal to what it sent
  std::string verdict;        // its sentence
};

// Subscribes, waits for a replay as long as it takes, handles all of it, and reports to it. Blocks until the tape has
// ended, the replay is dead, or `stop` is set. Errors: bad endpoint or options (kUsage), endpoints that are not all of
// the replay's shards, sockets, a handler that threw.
[[nodiscard]] core::Result<Outcome> run(const Options& options, const HandlerFactory& make_handler,
                                        const core::StopFlag& stop, const OnStatus& on_status = {},
                                        const core::Clock& clock = core::system_clock());

// The same over the sockets of contexts, one for each SUB thread, that may be shared with the replay, whose endpoint
// may be inproc then. Every socket is closed when it returns. The places of I/O threads are the contexts' owner's
// business.
[[nodiscard]] core::Result<Outcome> run_in(std::vector<zmq::context_t>& networks, const Options& options,
                                           const HandlerFactory& make_handler, const core::StopFlag& stop,
                                           const OnStatus& on_status = {},
                                           const core::Clock& clock = core::system_clock());

}  // namespace tapedeck::blackbox
