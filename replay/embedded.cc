#include "replay/embedded.h"

#include <thread>

#include "replay/direct_play.h"

namespace tapedeck::replay {
namespace {

core::Result<Embedded> run_over_inproc(const Options& replay, const blackbox::Options& box,
                                       const blackbox::HandlerFactory& make_handler, const core::StopFlag& stop,
                                       const OnStatus& on_status) {
  std::vector<zmq::context_t> networks;
  networks.emplace_back(0);  // inproc needs no I/O thread
  // Either ends when the other has failed; otherwise the box ends with the tape, whole or interrupted.
  core::StopFlag replay_stop(&stop);
  core::StopFlag box_stop;
  core::Result<blackbox::Outcome> outcome;
  std::thread box_thread([&] {
    outcome = blackbox::run_in(networks, box, make_handler, box_stop);
    if (!outcome) replay_stop.request();
  });
  auto report = run_in(
      networks, replay, [&] { box_thread.join(); }, replay_stop, on_status);
  if (!report) box_stop.request();
  if (box_thread.joinable()) box_thread.join();
  if (!report) return tl::unexpected(report.error());
  if (!outcome) return tl::unexpected(outcome.error());
  return Embedded{std::move(*report), std::move(*outcome)};
}

}  // namespace

core::Result<Embedded> run_embedded(Options replay, blackbox::Options box, const blackbox::HandlerFactory& make_handler,
                                    const core::StopFlag& stop, const OnStatus& on_status) {
  if (replay.endpoints.empty()) replay.endpoints = {"inproc://embedded"};
  const std::string& endpoint = replay.endpoints.front();
  if (replay.endpoints.size() > 1 || replay.shards || endpoint.find(',') != std::string::npos ||
      !transport::is_within_process(endpoint)) {
    return core::fail_with(core::ExitCode::kUsage,
                           "within one process there is one endpoint, inproc://NAME, and no shards, not {}",
                           fmt::join(replay.endpoints, " "));
  }
  if (replay.wire != transport::Wire::kPacked) {
    return core::fail_with(core::ExitCode::kUsage, "within one process the wire is packed: {} cannot be plain",
                           endpoint);
  }
  box.endpoint = endpoint;
  replay.wait_for = 1;  // there is no other
  TD_TRY(blackbox::check(box));
  const bool needs_no_wire = !replay.rate && box.dispatch == blackbox::Dispatch::kByLane;
  return needs_no_wire ? play_direct(replay, box, make_handler, stop, on_status)
                       : run_over_inproc(replay, box, make_handler, stop, on_status);
}

}  // namespace tapedeck::replay
