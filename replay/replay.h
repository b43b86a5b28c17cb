// Replays a tape to subscribers and proves what arrived: the whole of it behind one call. Threads: for each shard one
// that publishes, ZeroMQ's I/O thread and, where it is paced, a read-ahead; the session channel; and the caller's,
// which watches over them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "engine/core/clock.h"
#include "engine/core/stop.h"
#include "engine/topology/plan.h"
#include "engine/transport/multicast.h"
#include "replay/publisher.h"
#include "replay/report.h"
#include "replay/selection.h"

namespace tapedeck::replay {

enum class ReadMode {
  kAuto,    // kDirect for a tape larger than half the machine's memory, otherwise kCached
  kCached,  // through the page cache: the next replay of the tape finds it in memory
  kDirect,  // past it: leaves the memory to others, and costs less where the tape is not in memory
};

struct Options {
  std::string tape;  // path
  // To bind: lists in which commas name the shards, in order; each further list is a copy of the replay elsewhere.
  // Port 0 of tcp takes a free one.
  std::vector<std::string> endpoints{};
  std::optional<unsigned> shards{};  // as many as endpoints in a list; a single tcp endpoint stands for it and the
                                     // ports that follow
  std::string session_endpoint;      // of the session channel; empty: a free port of the same host
  SelectionOptions selection;
  std::optional<double> rate;           // multiple of real time; none: as fast as it goes
  bool ordered = false;                 // in the exact order of arrival over all lanes, by one shard
  uint32_t passes = 1;                  // 0: for ever
  unsigned wait_for = 1;                // subscribers that must have joined before the first record is sent
  unsigned wait_for_subscriptions = 0;  // that each data socket must have had before that; for clients that do not join
  OnSlow on_slow = OnSlow::kBlock;
  transport::Wire wire = transport::Wire::kPacked;
  transport::MulticastOptions multicast{};
  std::vector<topology::ShardPlace> places{};  // of the shards' threads; free beyond them
  ReadMode read_mode = ReadMode::kAuto;
  uint64_t batch_bytes = 1u << 20;        // of a run; 4 KiB to 64 MiB
  std::optional<uint64_t> queue_bytes{};  // that wait for each subscriber. When they are full: see on_slow. None: 64
                                          // MiB, or 4 MiB of the plain wire where on_slow is kBlock
  int64_t max_skew_ns = 10'000'000'000;   // of tape time that a shard may be ahead of the slowest at full speed
  int64_t late_limit_ns = 100'000'000;    // records later than this are late; the clock slips when one is
  int64_t subscriber_silence_ns = 10'000'000'000;  // without progress before a subscriber is taken for dead
};

// What to tell the user while it runs; called on the caller's thread, about each 100 ms.
struct Status {
  struct Shard {
    uint64_t records = 0;
    uint64_t record_bytes = 0;
    uint64_t queued = 0;       // runs read, and not yet sent by ZeroMQ
    int64_t held_back_ns = 0;  // in all, for subscribers
  };
  std::vector<std::string> endpoints;  // as in Options, with the ports that they got
  std::string session_endpoint;
  size_t joined = 0;
  uint64_t records = 0;
  int64_t held_back_ns = 0;  // how long the present send has waited for `slowest`
  std::string slowest;
  bool waiting_for_subscribers = false;
  std::vector<std::string> notices{};  // sentences: what of the places could not be taken. Grows
  std::vector<Shard> shards{};
};
using OnStatus = std::function<void(const Status&)>;

// Fails before anything is sent where the tape, the selection or an endpoint is no good; afterwards everything is in
// the report.
[[nodiscard]] core::Result<Report> run(const Options& options, const core::StopFlag& stop, const OnStatus& on_status,
                                       const core::Clock& clock = core::system_clock());

// What an opened tape and its options come to, checked: what every way to play it starts from.
struct Source {
  tape::TapeReader tape;
  Selection selection;
  core::File::Mode whole_blocks;     // how they are read
  std::optional<PlainTopics> plain;  // on the plain wire
};
[[nodiscard]] core::Result<Source> open_source(const Options& options);

// The same over the sockets of `networks`, one for each shard, which have none yet, and which are closed when this
// returns. Who shares them with a Black Box has that ended and its sockets closed by `before_close`, which is called
// after the last receipt.
[[nodiscard]] core::Result<Report> run_in(std::vector<zmq::context_t>& networks, const Options& options,
                                          const std::function<void()>& before_close, const core::StopFlag& stop,
                                          const OnStatus& on_status, const core::Clock& clock = core::system_clock());

}  // namespace tapedeck::replay
