// A server on a thread of its own, on ports of its own, for as long as the object lives.
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "engine/clone/client.h"
#include "engine/clone/server.h"

namespace tapedeck::clone {

inline constexpr int64_t kDeadline_ns = 30'000'000'000;
inline constexpr int64_t kMillisecond_ns = 1'000'000;

class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}, const core::Clock& clock = core::system_clock()) {
    options.hold_ns = std::min(options.hold_ns, kMillisecond_ns);
    server_ = Server::bind(options, clock).value();
    thread_ = std::thread([this] { server_->run(stop_); });
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  [[nodiscard]] uint16_t port() const { return server_->port(); }
  [[nodiscard]] std::string address() const { return std::to_string(port()); }
  // Ends it; what it counted is known then.
  ServerCounters stop() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
    return server_->counters();
  }

 private:
  std::unique_ptr<Server> server_;
  core::StopFlag stop_;
  std::thread thread_;
};

[[nodiscard]] inline std::unique_ptr<Client> connect_to(const std::string& address, ClientOptions options = {}) {
  options.servers = {address};
  return Client::connect(options).value();
}
[[nodiscard]] inline std::unique_ptr<Client> join(const std::string& address, const ClientOptions& options = {}) {
  auto client = connect_to(address, options);
  const core::Status synced = client->wait_synced(kDeadline_ns);
  EXPECT_TRUE(synced) << synced.error().message;
  return client;
}

// Waits for a condition that some other thread brings about.
template <class Condition>
[[nodiscard]] bool eventually(Condition&& condition) {
  const int64_t end_ns = core::system_clock().monotonic_ns() + kDeadline_ns;
  while (!condition()) {
    if (core::system_clock().monotonic_ns() > end_ns) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // between two looks
  }
  return true;
}

}  // namespace tapedeck::clone
