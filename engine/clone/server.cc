#include "engine/clone/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

constexpr int64_t kPromptBeat_ns = 10 * core::kMillisecond_ns;
constexpr int64_t kPromptBeatShare = 100;  // they take a hundredth of this thread's time at most; I/O comes on top
constexpr int kMessagesATurn = 1'000;
constexpr int kAnswersASecond = 1'000;
constexpr int kTries = 100;         // to find three free ports, of which
constexpr int kTriesOfSystem = 10;  // at ports that the system chooses; else at random ones
constexpr uint16_t kPortsFrom = 10'000;
constexpr uint16_t kPorts = 3;
constexpr int kBacklog = 4'096;  // of connections that are not accepted yet
constexpr int64_t kSubscriptionBytesMax = 4'096;
// Snapshots have an I/O thread of their own, so that many of them do not hold updates up. Updates have three, to share
// the sending to thousands of subscribers (docs/decisions/0007-versions-of-a-table.md, "Left").
constexpr int kIoThreads = 4;
constexpr uint64_t kSnapshotThread = 0b0001;
constexpr uint64_t kUpdateThreads = 0b1110;

core::Result<uint16_t> bind_at(zmq::socket_t& socket, const std::string& host, uint16_t port) {
  const transport::Endpoint endpoint{
      .scheme = transport::Scheme::kTcp, .host = host, .port = std::to_string(port), .path = {}};
  TD_ASSIGN(const std::string bound, transport::bind(socket, endpoint));
  return static_cast<uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1)));
}

std::string random_instance() {
  uint64_t bits = 0;
  std::memcpy(&bits, new_uuid().data(), sizeof bits);
  return fmt::format("{}={:016x}\n", kInstance, bits);
}

// After a storm of clients the ports that the system gives for a minute have neighbours that are not free.
uint16_t any_port() {
  std::random_device random;
  return static_cast<uint16_t>(std::uniform_int_distribution(int{kPortsFrom}, UINT16_MAX - (kPorts - 1))(random));
}

std::string limits_as_property(const Limits& limits) {
  return fmt::format("{}={}\n", kValueMax, limits.value_bytes_max);
}

core::Result<zmq::socket_t> make_socket(zmq::context_t& context, zmq::socket_type type, uint64_t io_threads,
                                        int64_t frame_bytes_max) {
  TD_ASSIGN(zmq::socket_t socket, transport::make_socket(context, type));
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::backlog, kBacklog);
  socket.set(zmq::sockopt::affinity, io_threads);
  socket.set(zmq::sockopt::maxmsgsize, frame_bytes_max);
  return socket;
}

}  // namespace

core::Result<Server::Sockets> Server::open_at(zmq::context_t& context, const ServerOptions& options, uint16_t port) {
  const auto frame_bytes_max = static_cast<int64_t>(2 * std::max(options.limits.value_bytes_max, kPropertiesBytesMax));
  const auto collector = options.collector == Collector::kSub ? zmq::socket_type::sub : zmq::socket_type::pull;
  Sockets sockets;
  TD_ASSIGN(sockets.router, make_socket(context, zmq::socket_type::router, kSnapshotThread, kSubscriptionBytesMax));
  TD_ASSIGN(sockets.publisher, make_socket(context, zmq::socket_type::xpub, kUpdateThreads, kSubscriptionBytesMax));
  TD_ASSIGN(sockets.collector, make_socket(context, collector, kUpdateThreads, frame_bytes_max));
  sockets.router.set(zmq::sockopt::sndhwm, Snapshots::kQueuedMessages);
  sockets.publisher.set(zmq::sockopt::sndhwm, options.backlog);
  sockets.publisher.set(zmq::sockopt::xpub_verbose, true);
  if (options.collector == Collector::kSub) sockets.collector.set(zmq::sockopt::subscribe, "");
  TD_ASSIGN(sockets.port, bind_at(sockets.router, options.host, port));
  if (sockets.port > UINT16_MAX - (kPorts - 1)) return core::fail("port {} leaves no room for two more", sockets.port);
  TD_TRY(bind_at(sockets.publisher, options.host, static_cast<uint16_t>(sockets.port + 1)));
  TD_TRY(bind_at(sockets.collector, options.host, static_cast<uint16_t>(sockets.port + 2)));
  return sockets;
}

core::Result<Server::Sockets> Server::open(zmq::context_t& context, const ServerOptions& options) {
  auto first = open_at(context, options, options.port);
  for (int tries = 1; !first && options.port == 0 && tries < kTries; ++tries) {
    auto sockets = open_at(context, options, tries < kTriesOfSystem ? uint16_t{0} : any_port());
    if (sockets) return sockets;
  }
  return first;
}

core::Result<std::unique_ptr<Server>> Server::bind(const ServerOptions& options, const core::Clock& clock) {
  if (options.limits.value_bytes_max > kValueBytesMax) {
    return core::fail_with(core::ExitCode::kUsage, "values of {} bytes are too long: clients take {} at most",
                           options.limits.value_bytes_max, kValueBytesMax);
  }
  auto context = std::make_unique<zmq::context_t>(kIoThreads);
  TD_ASSIGN(Sockets sockets, open(*context, options));
  return std::unique_ptr<Server>(new Server(options, clock, std::move(context), std::move(sockets)));
}

Server::Server(const ServerOptions& options, const core::Clock& clock, std::unique_ptr<zmq::context_t> context,
               Sockets sockets)
    : clock_(clock),
      context_(std::move(context)),
      port_(sockets.port),
      publisher_(std::move(sockets.publisher)),
      collector_(std::move(sockets.collector)),
      instance_(random_instance()),
      about_(instance_ + limits_as_property(options.limits)),
      snapshots_(std::move(sockets.router), options.limits, options.hold_ns, about_),
      store_(options.limits) {}

void Server::run(const core::StopFlag& stop) {
  while (!stop.requested()) {
    if (!busy_) wait(clock_.monotonic_ns());
    busy_ = false;
    const int64_t now_ns = clock_.monotonic_ns();
    take_subscriptions(now_ns);
    take_updates(now_ns);
    expire(now_ns);
    snapshots_.receive(now_ns);
    snapshots_.send(store_, now_ns);
    beat(now_ns);
  }
}

void Server::wait(int64_t now_ns) {
  const int64_t next_ns = std::min({next_beat_ns_, store_.next_expiry_ns(), snapshots_.next_send_ns(now_ns),
                                    now_ns + transport::kPollInterval.count() * core::kMillisecond_ns});
  const std::chrono::milliseconds timeout((std::max<int64_t>(next_ns - now_ns, 0) + core::kMillisecond_ns - 1) /
                                          core::kMillisecond_ns);
  std::array<zmq::pollitem_t, 3> items = {{{publisher_.handle(), 0, ZMQ_POLLIN, 0},
                                           {collector_.handle(), 0, ZMQ_POLLIN, 0},
                                           {snapshots_.socket().handle(), 0, ZMQ_POLLIN, 0}}};
  try {
    zmq::poll(items, timeout);
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

void Server::take_subscriptions(int64_t now_ns) {
  zmq::message_t message;
  for (int i = 0; i < kMessagesATurn && transport::receive(publisher_, message, zmq::recv_flags::dontwait); ++i) {
    on_subscription(message.to_string_view(), now_ns);
  }
}

// A byte, 1 or 0 (the last one is gone), and the topic; anything else is no subscription. Whoever subscribes to
// heartbeats waits for one.
void Server::on_subscription(std::string_view message, int64_t now_ns) {
  if (message.size() < 2) return;
  const std::string_view topic = message.substr(1);
  if (message.front() == 0) subtrees_.remove(topic);
  if (message.front() != 1) return;
  subtrees_.add(topic, store_.sequence());
  if (topic == kHeartbeat) next_beat_ns_ = std::min(next_beat_ns_, std::max(now_ns, next_prompt_beat_ns_));
}

void Server::take_updates(int64_t now_ns) {
  Frames frames;
  for (int i = 0; i < kMessagesATurn && frames.receive(collector_); ++i) {
    busy_ = true;
    on_update(frames, now_ns);
  }
}

void Server::on_update(Frames& frames, int64_t now_ns) {
  Message message;
  int64_t ttl_s = 0;
  Fault fault = decode(frames.bytes(), message);
  if (fault == Fault::kNone && is_command(message.key)) fault = Fault::kKey;
  if (fault == Fault::kNone && message.properties.size() > kPropertiesBytesMax) fault = Fault::kProperties;
  if (fault == Fault::kNone) fault = ttl_of(message.properties, ttl_s);
  if (fault != Fault::kNone) {
    ++counters_.faults[static_cast<size_t>(fault)];
    if (fault == Fault::kTtl) refuse(message.uuid, "ttl", now_ns);
    return;
  }
  switch (store_.apply(message, ttl_s, now_ns)) {
    case Store::Verdict::kTooManyKeys: return refuse(message.uuid, "keys", now_ns);
    case Store::Verdict::kValueTooLong: return refuse(message.uuid, "value", now_ns);
    case Store::Verdict::kRepeated:
      ++counters_.repeated;
      return answer(message.uuid, fmt::format("{}={}\n", kDone, *store_.sequence_of(message.uuid)), now_ns);
    case Store::Verdict::kApplied: break;
  }
  ++counters_.updates;
  const std::string_view properties = published_properties(message.key, message.properties);
  // A publisher drops what a slow subscriber has no room for, and never blocks.
  static_cast<void>(send(publisher_, {std::move(frames[0]), frame_of(store_.sequence()), std::move(frames[2]),
                                      frame_of(properties), std::move(frames[4])}));
}

// Of the last update. Ours come before the client's, for the first of a name counts.
std::string_view Server::published_properties(std::string_view key, std::string_view properties_of_client) {
  return properties_.assign(instance_).append(subtrees_.note(key, store_.sequence())).append(properties_of_client);
}

void Server::refuse(std::string_view uuid, std::string_view why, int64_t now_ns) {
  ++counters_.refused;
  if (!uuid.empty()) answer(uuid, fmt::format("{}={}\n", kRefused, why), now_ns);
}

// Everybody gets it, so there is a limit; who hears nothing sends again.
void Server::answer(std::string_view uuid, const std::string& property, int64_t now_ns) {
  if (now_ns - answers_since_ns_ >= core::kSecond_ns) {
    answers_since_ns_ = now_ns;
    answers_ = 0;
  }
  if (++answers_ <= kAnswersASecond) publish_heartbeat(uuid, property);
}

void Server::expire(int64_t now_ns) {
  for (int i = 0; i < kMessagesATurn; ++i) {
    const auto key = store_.expire(now_ns);
    if (!key) return;
    ++counters_.expired;
    const std::string_view properties = published_properties(*key, {});
    static_cast<void>(send(
        publisher_, {.key = *key, .sequence = store_.sequence(), .uuid = {}, .properties = properties, .value = {}}));
  }
}

void Server::beat(int64_t now_ns) {
  if (now_ns < next_beat_ns_) return;
  publish_heartbeat({}, subtrees_.summary());
  const int64_t cost_ns = clock_.monotonic_ns() - now_ns;
  next_prompt_beat_ns_ = now_ns + std::max(kPromptBeat_ns, kPromptBeatShare * cost_ns);
  next_beat_ns_ = now_ns + core::kSecond_ns;
}

void Server::publish_heartbeat(std::string_view uuid, const std::string& more) {
  const std::string properties = fmt::format("{}{}={}\n{}", about_, kLast, store_.sequence(), more);
  static_cast<void>(
      send(publisher_, {.key = kHeartbeat, .sequence = 0, .uuid = uuid, .properties = properties, .value = {}}));
}

ServerCounters Server::counters() const {
  ServerCounters counters = counters_;
  counters.snapshots = snapshots_.counters();
  return counters;
}

}  // namespace tapedeck::clone
