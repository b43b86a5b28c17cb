#include "replay/session_server.h"

#include <algorithm>

namespace tapedeck::replay {
namespace {

constexpr size_t kPeersMax = 65'536;  // beyond it a hello is not answered
// For so long a subscriber that has handled all that it has may stay where it is, before what is under way is given up.
constexpr int64_t kUnderWayMax_ns = 300'000'000;
constexpr int64_t kPongInterval_ns = 50'000'000;  // with a window there is much more progress than clocks need

}  // namespace

transport::Verdict judge_receipt(const transport::Receipt& receipt,
                                 const std::map<core::Lane, tape::LaneDigest>& sent) {
  if (!receipt.complete) return {.equal = false, .sentence = receipt.problem};
  for (const auto& [lane, digest] : sent) {
    const auto got = receipt.lanes.find(lane);
    const uint64_t records = got == receipt.lanes.end() ? 0 : got->second.records;
    if (records != digest.records) {
      return {.equal = false,
              .sentence = fmt::format("lane {}: {} records sent, {} received", lane, digest.records, records)};
    }
    if (digest.records > 0 && got->second.crc != digest.crc) {
      return {.equal = false, .sentence = fmt::format("lane {}: other bytes received than were sent", lane)};
    }
  }
  uint64_t sent_records = 0;
  for (const auto& [lane, digest] : sent) sent_records += digest.records;
  if (receipt.records != sent_records) {
    return {.equal = false, .sentence = fmt::format("{} records sent, {} received", sent_records, receipt.records)};
  }
  return {.equal = true, .sentence = "all of it arrived"};
}

SessionServer::SessionServer(zmq::context_t& context, uint64_t publisher, int64_t silence_ns, Flow flow,
                             const core::Clock& clock)
    : router_(context, zmq::socket_type::router),
      publisher_(publisher),
      silence_ns_(silence_ns),
      flow_(std::move(flow)),
      clock_(clock) {
  router_.set(zmq::sockopt::linger, 1000);
  router_.set(zmq::sockopt::rcvtimeo, static_cast<int>(transport::kPollInterval.count()));
}

core::Result<std::string> SessionServer::bind(const transport::Endpoint& endpoint) {
  return transport::bind(router_, endpoint);
}

void SessionServer::run() {
  while (!stopped_.load(std::memory_order_relaxed)) {
    receive();
    note_silent_ones();
  }
  router_.close();
}

void SessionServer::receive() {
  zmq::message_t identity;
  zmq::message_t body;
  if (!transport::receive(router_, identity)) return;
  if (!identity.more() || !transport::receive(router_, body)) return;
  bool whole = !body.more();
  for (zmq::message_t rest; !whole; whole = !rest.more()) static_cast<void>(transport::receive(router_, rest));
  const auto message = transport::decode_session_message(transport::bytes_of(body));
  if (!message) return;  // a stranger; nothing here depends on it
  on_message(identity.to_string(), *message);
}

void SessionServer::on_message(const std::string& identity, const transport::SessionMessage& message) {
  const auto received_ns = static_cast<int64_t>(clock_.now().value);
  const std::lock_guard lock(mutex_);
  if (const auto* hello = std::get_if<transport::Hello>(&message)) {
    if (hello->publisher != publisher_ || peers_.size() >= kPeersMax) return;
    const auto [place, is_new] = peers_.try_emplace(identity);
    Peer& peer = place->second;
    peer.participant.name = hello->name;
    peer.heard_ns = clock_.monotonic_ns();
    peer.reached_ns = peer.heard_ns;
    peer.window_records = (hello->window_bytes + flow_.mean_record_bytes - 1) / flow_.mean_record_bytes;
    // What was sent before it joined is not under way to it, unless it heard it: then it will tell.
    if (is_new) peer.done = flow_.sent();
    set_limit();
    joined_.store(peers_.size(), std::memory_order_release);
    send(identity, transport::Welcome{.publisher = publisher_});
    return;
  }
  const auto found = peers_.find(identity);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.heard_ns = clock_.monotonic_ns();
  if (const auto* progress = std::get_if<transport::Progress>(&message)) {
    note_progress(peer, *progress);
    if (peer.heard_ns < peer.next_pong_ns) return;
    peer.next_pong_ns = peer.heard_ns + kPongInterval_ns;
    send(identity, transport::Pong{.progress_sent_ns = progress->sent_ns,
                                   .received_ns = received_ns,
                                   .sent_ns = static_cast<int64_t>(clock_.now().value)});
  } else if (const auto* receipt = std::get_if<transport::Receipt>(&message)) {
    peer.participant.receipt = *receipt;
    set_limit();
    judge(identity, peer);
  }
}

// Records that are lost are seen when one behind them arrives: where nothing does, because the window is full of them,
// they are given up.
void SessionServer::note_progress(Peer& peer, const transport::Progress& progress) {
  peer.participant.records = progress.records;
  const uint64_t reached = progress.records + progress.lost;
  if (reached != peer.reached || !progress.is_idle) peer.reached_ns = peer.heard_ns;
  peer.reached = reached;
  peer.done = std::max(peer.done, reached);
  if (peer.heard_ns - peer.reached_ns > kUnderWayMax_ns) peer.done = std::max(peer.done, flow_.sent());
  set_limit();
}

void SessionServer::set_limit() {
  uint64_t limit = UINT64_MAX;
  for (const auto& [identity, peer] : peers_) {
    if (peer.window_records == 0 || peer.participant.receipt || peer.participant.dead) continue;
    limit = std::min(limit, peer.done + peer.window_records);
  }
  flow_.limit.set(limit);
}

// Until all has been sent only an incomplete receipt can be judged: its subscriber has given up.
void SessionServer::judge(const std::string& identity, Peer& peer) {
  const transport::Receipt& receipt = *peer.participant.receipt;
  if (receipt.complete && !sent_) return;
  const transport::Verdict verdict =
      sent_ ? judge_receipt(receipt, *sent_) : transport::Verdict{.equal = false, .sentence = receipt.problem};
  peer.participant.equal = verdict.equal;
  peer.participant.verdict = verdict.sentence;
  peer.answered = true;
  send(identity, verdict);
}

void SessionServer::expect(const std::map<core::Lane, tape::LaneDigest>& sent) {
  const std::lock_guard lock(mutex_);
  sent_ = sent;
  expected_ns_ = clock_.monotonic_ns();
}

void SessionServer::note_silent_ones() {
  const int64_t now_ns = clock_.monotonic_ns();
  const std::lock_guard lock(mutex_);
  for (auto& [identity, peer] : peers_) {
    if (peer.participant.receipt && !peer.answered) judge(identity, peer);
    peer.participant.dead = is_dead(peer, now_ns);
  }
  set_limit();
}

// Once all was sent also who is heard but gets no further, and has nothing to do: the data do not reach it any more.
bool SessionServer::is_dead(const Peer& peer, int64_t now_ns) const {
  if (peer.participant.receipt) return false;
  if (now_ns - peer.heard_ns > silence_ns_) return true;
  return sent_ && now_ns - std::max(peer.reached_ns, expected_ns_) > silence_ns_;
}

void SessionServer::send(const std::string& identity, const transport::SessionMessage& message) {
  // To a peer that is gone or does not read, it is dropped: all of it is repeated or asked for again.
  zmq::message_t address(identity);
  zmq::message_t body(transport::encode(message));
  if (transport::send(router_, address, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
    static_cast<void>(transport::send(router_, body, zmq::send_flags::dontwait));
  }
}

bool SessionServer::all_settled() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(peers_.begin(), peers_.end(),
                     [](const auto& entry) { return entry.second.answered || entry.second.participant.dead; });
}

std::vector<Participant> SessionServer::participants() const {
  const std::lock_guard lock(mutex_);
  std::vector<Participant> participants;
  for (const auto& [identity, peer] : peers_) participants.push_back(peer.participant);
  return participants;
}

std::string SessionServer::slowest() const {
  const std::lock_guard lock(mutex_);
  const Participant* slowest = nullptr;
  for (const auto& [identity, peer] : peers_) {
    if (peer.participant.receipt || peer.participant.dead) continue;
    if (slowest == nullptr || peer.participant.records < slowest->records) slowest = &peer.participant;
  }
  return slowest == nullptr ? std::string() : slowest->name;
}

}  // namespace tapedeck::replay
