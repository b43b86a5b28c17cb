// What bench/clone compares within one process, one JSON object each:
//   clone_rate relay N       updates through a bare relay of five frames, PUSH to PULL, PUB to SUB, over TCP
//   clone_rate clone N       the same updates through the Clone: set by a client, watched by the same client
//   clone_rate frames N      N bare messages of five frames, ROUTER to DEALER, over TCP
//   clone_rate snapshot N    N keys to a client that joins; memory per key; what a list of a subtree costs
// Keys of 12 bytes, values of 100. First as fast as it goes, then 2,000 a second for the delay.
#include <fmt/format.h>
#include <malloc.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/clone/client.h"
#include "engine/clone/server.h"
#include "engine/core/histogram.h"

namespace tapedeck {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kKeys = 1'000;
constexpr uint64_t kWindow = 2'000;  // updates under way, so that neither queue drops any
constexpr uint64_t kPaced = 4'000;
constexpr int64_t kPace_ns = 500'000;
constexpr size_t kValueBytes = 100;
constexpr size_t kKeyBytes = 12;

int64_t now_ns() { return core::system_clock().monotonic_ns(); }
std::string key_of(uint64_t i) { return fmt::format("/{:03}/{:07}", i / 1'000 % 1'000, i); }
std::string value_of(uint64_t i) { return fmt::format("{:<{}}", i, kValueBytes); }

// A way for updates to go round: `send` starts one, `arrive` is called for each.
class Course {
 public:
  void arrive() {
    const uint64_t i = arrived_.load(std::memory_order_relaxed);
    if (i >= paced_from_) delays_.record(static_cast<uint64_t>(now_ns() - sent_ns_[i - paced_from_]));
    arrived_.store(i + 1, std::memory_order_release);
  }
  Json measure(uint64_t count, const std::function<void(uint64_t)>& send) {
    paced_from_ = count;
    const int64_t start_ns = now_ns();
    for (uint64_t i = 0; i < count; ++i) {
      while (i - arrived() >= kWindow) std::this_thread::sleep_for(std::chrono::microseconds(100));
      send(i);
    }
    while (arrived() < count) std::this_thread::sleep_for(std::chrono::microseconds(100));
    const double seconds = static_cast<double>(now_ns() - start_ns) / 1e9;
    const core::StopFlag never;
    int64_t due_ns = now_ns();
    for (uint64_t i = 0; i < kPaced; ++i) {
      core::system_clock().sleep_until(due_ns += kPace_ns, never);
      sent_ns_[i] = now_ns();
      send(count + i);
    }
    while (arrived() < count + kPaced) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {{"per_s", static_cast<double>(count) / seconds},
            {"delay_p50_us", static_cast<double>(delays_.quantile(0.5)) / 1e3},
            {"delay_p99_us", static_cast<double>(delays_.quantile(0.99)) / 1e3}};
  }

 private:
  [[nodiscard]] uint64_t arrived() const { return arrived_.load(std::memory_order_acquire); }
  std::atomic<uint64_t> arrived_{0};
  uint64_t paced_from_ = 0;
  std::array<int64_t, kPaced> sent_ns_{};
  core::Histogram delays_;
};

zmq::socket_t make_socket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  return socket;
}

std::string bind_any(zmq::socket_t& socket) {
  const transport::Endpoint any{.scheme = transport::Scheme::kTcp, .host = "127.0.0.1", .port = "0", .path = {}};
  return transport::bind(socket, any).value();
}

void send_five(zmq::socket_t& socket, const std::string& key, const std::string& value) {
  static_cast<void>(clone::send(socket, {.key = key, .sequence = 1, .uuid = "0123456789abcdef", .value = value}));
}

Json relay(uint64_t count) {
  zmq::context_t contexts[3];
  zmq::socket_t pull = make_socket(contexts[1], zmq::socket_type::pull);
  zmq::socket_t pub = make_socket(contexts[1], zmq::socket_type::xpub);
  zmq::socket_t push = make_socket(contexts[0], zmq::socket_type::push);
  zmq::socket_t sub = make_socket(contexts[2], zmq::socket_type::sub);
  push.connect(bind_any(pull));
  sub.connect(bind_any(pub));
  sub.set(zmq::sockopt::subscribe, "");
  zmq::message_t subscription;
  static_cast<void>(transport::receive(pub, subscription));
  Course course;
  const uint64_t all = count + kPaced;
  std::thread relaying([&] {
    zmq::message_t frame;
    for (uint64_t frames = 0; frames < clone::kFrames * all; ++frames) {
      static_cast<void>(transport::receive(pull, frame));
      const bool more = frame.more();
      static_cast<void>(transport::send(pub, frame, more ? zmq::send_flags::sndmore : zmq::send_flags::none));
    }
  });
  std::thread receiving([&] {
    zmq::message_t frame;
    for (uint64_t frames = 0; frames < clone::kFrames * all; ++frames) {
      static_cast<void>(transport::receive(sub, frame));
      if (!frame.more()) course.arrive();
    }
  });
  Json result = course.measure(count, [&](uint64_t i) { send_five(push, key_of(i % kKeys), value_of(i)); });
  relaying.join();
  receiving.join();
  return result;
}

class RunningServer {
 public:
  RunningServer() : server_(clone::Server::bind({.collector = clone::Collector::kPull, .hold_ns = 0}).value()) {
    thread_ = std::thread([this] { server_->run(stop_); });
  }
  ~RunningServer() {
    stop_.request();
    thread_.join();
  }
  [[nodiscard]] std::unique_ptr<clone::Client> join(const std::string& subtree = {}) const {
    auto client = clone::Client::connect({.servers = {std::to_string(server_->port())},
                                          .subtree = subtree,
                                          .collector = clone::Collector::kPull,
                                          .timeout_ns = 600'000'000'000})
                      .value();
    TD_CHECK(client->wait_synced(600'000'000'000).has_value());
    return client;
  }

 private:
  std::unique_ptr<clone::Server> server_;
  core::StopFlag stop_;
  std::thread thread_;
};

Json through_clone(uint64_t count) {
  const RunningServer server;
  Course course;
  const auto client = server.join();
  client->watch({}, [&](const clone::Change&) { course.arrive(); });
  return course.measure(count, [&](uint64_t i) { client->update(key_of(i % kKeys), value_of(i), 0, {}); });
}

Json frames(uint64_t count) {
  zmq::context_t contexts[2];
  zmq::socket_t router = make_socket(contexts[0], zmq::socket_type::router);
  zmq::socket_t dealer = make_socket(contexts[1], zmq::socket_type::dealer);
  router.set(zmq::sockopt::sndhwm, 1'000);
  dealer.connect(bind_any(router));
  static_cast<void>(clone::send_frame(dealer, clone::frame_of("go"), false));
  zmq::message_t identity;
  zmq::message_t frame;
  static_cast<void>(transport::receive(router, identity));
  static_cast<void>(transport::receive(router, frame));
  const int64_t start_ns = now_ns();
  std::thread receiving([&] {
    zmq::message_t part;
    for (uint64_t parts = 0; parts < clone::kFrames * count; ++parts)
      static_cast<void>(transport::receive(dealer, part));
  });
  router.set(zmq::sockopt::router_mandatory, true);  // waits where the queue is full
  for (uint64_t i = 0; i < count; ++i) {
    zmq::message_t to(identity.data(), identity.size());
    static_cast<void>(transport::send(router, to, zmq::send_flags::sndmore));
    send_five(router, key_of(i), value_of(i));
  }
  receiving.join();
  return {{"per_s", static_cast<double>(count) / (static_cast<double>(now_ns() - start_ns) / 1e9)}};
}

double seconds_of(const std::function<void()>& what) {
  const int64_t start_ns = now_ns();
  what();
  return static_cast<double>(now_ns() - start_ns) / 1e9;
}

// In memory, without sockets: the store as a server holds it.
Json memory(uint64_t count) {
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  clone::Store store({});
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = key_of(i * 7'919 % count);
    const std::string value = value_of(i);
    store.apply({.key = key, .value = value}, 0, 0);
  }
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  const double per_key = static_cast<double>(after - before) / static_cast<double>(store.table().size());
  size_t listed = 0;
  const double list_s = seconds_of([&] { listed = store.table().list("/000/").size(); });
  return {{"bytes_beyond_key_and_value", per_key - static_cast<double>(kKeyBytes + kValueBytes)},
          {"listed", listed},
          {"list_us", list_s * 1e6}};
}

Json snapshot(uint64_t count) {
  const RunningServer server;
  {
    const auto all = server.join();
    std::atomic<uint64_t> confirmed{0};
    for (uint64_t i = 0; i < count; ++i) {
      while (i - confirmed >= 5 * kWindow) std::this_thread::yield();
      all->update(key_of(i), value_of(i), 0, [&](const core::Status&) { ++confirmed; });
    }
    while (confirmed < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Json result = memory(count);
  const double all_s = seconds_of([&] { static_cast<void>(server.join()->state()); });
  const double some_s = seconds_of([&] { static_cast<void>(server.join("/000/")->state()); });
  result["per_s"] = static_cast<double>(count) / all_s;
  result["subtree_join_ms"] = some_s * 1e3;
  return result;
}

}  // namespace
}  // namespace tapedeck

int main(int argc, char** argv) {
  using namespace tapedeck;
  const std::string_view what = argc == 3 ? argv[1] : "";
  const uint64_t count = argc == 3 ? std::stoull(argv[2]) : 0;
  Json result;
  if (what == "relay") result = relay(count);
  if (what == "clone") result = through_clone(count);
  if (what == "frames") result = frames(count);
  if (what == "snapshot") result = snapshot(count);
  if (result.is_null()) {
    fmt::print(stderr, "clone_rate relay|clone|frames|snapshot N\n");
    return 2;
  }
  fmt::print("{}\n", result.dump());
  return 0;
}
