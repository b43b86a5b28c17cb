// The multicast lines of a box: for each of its endpoints that is multicast, a thread that receives it and passes it on
// over inproc to the SUB thread, which sees no difference. Their buffers outlive the contexts that they are used in.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/blackbox/black_box.h"
#include "engine/core/notices.h"
#include "engine/transport/endpoint.h"
#include "engine/transport/multicast_receiver.h"

namespace tapedeck::blackbox {

class MulticastInputs {
 public:
  MulticastInputs(const Options& options, core::Notices& notices, const core::Clock& clock)
      : options_(options), notices_(notices), clock_(clock) {}
  ~MulticastInputs() { stop(); }
  MulticastInputs(const MulticastInputs&) = delete;
  MulticastInputs& operator=(const MulticastInputs&) = delete;

  // Joins the group of `endpoint`, and of `also` if it is given, which carries the same. Gives the inproc endpoint to
  // connect to in `network`, whose place among the networks is `shard`.
  [[nodiscard]] core::Result<transport::Endpoint> open(const transport::Endpoint& endpoint,
                                                       const transport::Endpoint* also, zmq::context_t& network,
                                                       size_t shard);
  void start();
  // Ends the threads and closes their sockets.
  void stop();

  // That may be under way to all of them; 0 if there are none.
  [[nodiscard]] uint64_t window_bytes() const;
  // Records that came again, and were left out.
  [[nodiscard]] uint64_t repeated_records() const;

 private:
  struct Input {
    std::unique_ptr<transport::MulticastReceiver> receiver;
    size_t shard = 0;
    std::thread thread;
  };
  [[nodiscard]] core::Result<transport::NamedLine> join(const transport::Endpoint& endpoint);

  const Options& options_;
  core::Notices& notices_;
  const core::Clock& clock_;
  core::StopFlag stop_;
  std::vector<Input> inputs_;
};

}  // namespace tapedeck::blackbox
