#include "engine/blackbox/multicast_inputs.h"

#include <algorithm>

#include "engine/topology/pinning.h"
#include "engine/transport/lines.h"

namespace tapedeck::blackbox {

core::Result<transport::NamedLine> MulticastInputs::join(const transport::Endpoint& endpoint) {
  TD_ASSIGN(const transport::MulticastSettings settings, transport::settle(endpoint, options_.multicast));
  notices_.add({settings.sentence()});
  TD_ASSIGN(std::unique_ptr<transport::LineReceiver> line, transport::make_line_receiver(settings, notices_));
  return transport::NamedLine{
      .name = endpoint.text(), .line = std::move(line), .carries_plain = endpoint.scheme != transport::Scheme::kUdp};
}

core::Result<transport::Endpoint> MulticastInputs::open(const transport::Endpoint& endpoint,
                                                        const transport::Endpoint* also, zmq::context_t& network,
                                                        size_t shard) {
  std::vector<transport::NamedLine> lines;
  TD_ASSIGN(lines.emplace_back(), join(endpoint));
  if (also != nullptr) {
    TD_ASSIGN(lines.emplace_back(), join(*also));
  }
  transport::Endpoint way{.scheme = transport::Scheme::kInproc, .path = fmt::format("multicast-{}", inputs_.size())};
  inputs_.push_back({.receiver = std::make_unique<transport::MulticastReceiver>(network, way.text(), std::move(lines),
                                                                                notices_, stop_, clock_),
                     .shard = shard,
                     .thread = {}});
  return way;
}

void MulticastInputs::start() {
  for (Input& input : inputs_) {
    input.thread = std::thread([this, &input] {
      if (input.shard < options_.places.size()) notices_.add(topology::take_place(options_.places[input.shard].io));
      input.receiver->run();
    });
  }
}

void MulticastInputs::stop() {
  stop_.request();
  for (Input& input : inputs_) {
    if (input.thread.joinable()) input.thread.join();
    input.receiver->close();
  }
}

uint64_t MulticastInputs::window_bytes() const {
  uint64_t bytes = 0;
  for (const Input& input : inputs_) {
    const uint64_t its = input.receiver->window_bytes();
    bytes = bytes == 0 ? its : std::min(bytes, its);
  }
  return bytes;
}

uint64_t MulticastInputs::repeated_records() const {
  uint64_t records = 0;
  for (const Input& input : inputs_) records += input.receiver->repeated_records();
  return records;
}

}  // namespace tapedeck::blackbox
