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

// What `call` throws, as a sentence that begins with `who`; empty if nothing.
template <class Call>
std::string words_of(std::string_view who, const Call& call) {
  try {
    call();
    return {};
  } catch (const std::exception& error) {
    return fmt::format("{} threw: {}", who, error.what());
  } catch (...) {
    return fmt::format("{} threw", who);
  }
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
  box.endpoint = endpoint;
  replay.wait_for = 1;  // there is no other
  TD_TRY(blackbox::check(box));
  if (replay.ordered && box.workers > 1) {
    return core::fail_with(core::ExitCode::kUsage, "one order of arrival needs one worker, not {}", box.workers);
  }
  // The caller's code is called where it may throw: handlers are made before any thread is.
  std::vector<std::unique_ptr<blackbox::Handler>> handlers(box.workers);
  std::string failure = words_of("the handler factory", [&] {
    for (unsigned i = 0; i < box.workers; ++i) handlers[i] = make_handler(i);
  });
  if (!failure.empty()) return core::fail("{}", failure);
  const auto take_handler = [&handlers](unsigned worker) { return std::move(handlers[worker]); };
  core::StopFlag stop_all(&stop);
  const auto tell_status = [&](const Status& status) {
    if (!on_status || !failure.empty()) return;
    failure = words_of("the status callback", [&] { on_status(status); });
    if (!failure.empty()) stop_all.request();
  };
  const bool needs_no_wire = !replay.rate && !replay.ordered && box.dispatch == blackbox::Dispatch::kByLane;
  auto result = needs_no_wire ? play_direct(replay, box, take_handler, stop_all, tell_status)
                              : run_over_inproc(replay, box, take_handler, stop_all, tell_status);
  if (!failure.empty()) return core::fail("{}", failure);
  return result;
}

}  // namespace tapedeck::replay
