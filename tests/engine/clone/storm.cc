// clone_storm PORT CLIENTS ROUNDS: many light clients join a server at once. With one round they stay until an update
// of the key "end" has come to all; with more, each leaves five updates after it has joined, and joins again. Prints
// "joined" when all have joined (once), and at the end one JSON object: times, holes, and how many ended with which
// digest at which sequence. Values begin with the time they were sent at (CLOCK_MONOTONIC, ns, decimal).
#include <fmt/format.h>
#include <sys/epoll.h>

#include <charconv>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/clone/table.h"
#include "engine/core/clock.h"
#include "engine/core/histogram.h"
#include "tests/engine/clone/light_client.h"

namespace tapedeck::clone {
namespace {

constexpr uint64_t kUpdatesOfARound = 5;
constexpr std::string_view kLastKey = "end";

int64_t now_ns() { return core::system_clock().monotonic_ns(); }

class Storm {
 public:
  Storm(int port, size_t clients, int rounds) : port_(port), rounds_(rounds), slots_(clients) {}

  void run() {
    start_ns_ = now_ns();
    for (Slot& slot : slots_) {
      slot.client = std::make_unique<LightClient>(keys_);
      slot.rounds_left = rounds_;
      open(slot);
      serve(0);  // lets the peer's queue of connections empty itself
    }
    while (done_ < slots_.size()) serve(100);
  }

  [[nodiscard]] nlohmann::ordered_json result() const {
    nlohmann::ordered_json digests = nlohmann::ordered_json::array();
    for (const auto& [state, count] : ends_) {
      digests.push_back({{"sequence", state.first}, {"digest", format_digest(state.second)}, {"clients", count}});
    }
    return {{"joins", joins_},
            {"failed", failed_},
            {"deliveries_until_joined", deliveries_},
            {"joined_after_s", static_cast<double>(joined_ns_ - start_ns_) / 1e9},
            {"join_p50_ms", static_cast<double>(join_.quantile(0.5)) / 1e6},
            {"join_p99_ms", static_cast<double>(join_.quantile(0.99)) / 1e6},
            {"join_max_ms", static_cast<double>(join_.max()) / 1e6},
            {"delay_p50_ms", static_cast<double>(delay_.quantile(0.5)) / 1e6},
            {"delay_p99_ms", static_cast<double>(delay_.quantile(0.99)) / 1e6},
            {"delay_max_ms", static_cast<double>(delay_.max()) / 1e6},
            {"updates", delay_.count()},
            {"ends", digests}};
  }

 private:
  struct Slot {
    std::unique_ptr<LightClient> client;
    int rounds_left = 0;
    int64_t opened_ns = 0;
    uint64_t leave_at = 0;  // sequence; 0 before it is synced
    bool done = false;
  };
  // Which of a client's connections; the lowest bit of what epoll keeps, above it is the slot's address.
  enum class Side : uint64_t { kUpdates, kSnapshot };

  void poll(int operation, Slot& slot, Side side, uint32_t events) const {
    epoll_event event{.events = events,
                      .data = {.u64 = reinterpret_cast<uint64_t>(&slot) | static_cast<uint64_t>(side)}};
    epoll_ctl(epoll_, operation, fd_of(slot, side), &event);
  }
  static int fd_of(const Slot& slot, Side side) {
    return side == Side::kUpdates ? slot.client->updates_fd() : slot.client->snapshot_fd();
  }
  void open(Slot& slot) {
    slot.opened_ns = now_ns();
    slot.leave_at = 0;
    slot.client->open(port_);
    poll(EPOLL_CTL_ADD, slot, Side::kUpdates, EPOLLIN | EPOLLOUT);
  }
  void serve(int timeout_ms) {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      Slot& slot = *reinterpret_cast<Slot*>(event.data.u64 & ~uint64_t{1});
      const auto side = static_cast<Side>(event.data.u64 & 1);
      if ((event.events & EPOLLOUT) != 0) poll(EPOLL_CTL_MOD, slot, side, EPOLLIN);  // it is connected
      progress(slot, side);
    }
  }
  void progress(Slot& slot, Side side) {
    LightClient& client = *slot.client;
    if (slot.done || fd_of(slot, side) < 0) return;
    const bool had_snapshot = client.snapshot_fd() >= 0;
    bool ended = false;
    client.progress(fd_of(slot, side), [&](const Message& message) {
      int64_t sent_ns = 0;
      std::from_chars(message.value.data(), message.value.data() + message.value.size(), sent_ns);
      if (sent_ns > start_ns_ && slot.leave_at > 0) delay_.record(static_cast<uint64_t>(now_ns() - sent_ns));
      ended = ended || message.key == kLastKey;
    });
    if (!had_snapshot && client.snapshot_fd() >= 0) {
      poll(EPOLL_CTL_ADD, slot, Side::kSnapshot, EPOLLIN | EPOLLOUT);
    }
    if (client.synced() && slot.leave_at == 0) on_synced(slot);
    const bool leaves = rounds_ > 1 ? client.synced() && client.sequence() >= slot.leave_at : ended;
    if (client.failed() || leaves) leave(slot);
  }
  void on_synced(Slot& slot) {
    slot.leave_at = slot.client->sequence() + kUpdatesOfARound;
    join_.record(static_cast<uint64_t>(now_ns() - slot.opened_ns));
    if (++joins_ != slots_.size()) return;
    joined_ns_ = now_ns();
    for (const Slot& each : slots_) deliveries_ += each.client->published();
    fmt::print("joined\n");
    static_cast<void>(std::fflush(stdout));
  }
  void leave(Slot& slot) {
    failed_ += slot.client->failed() ? 1 : 0;
    ++ends_[{slot.client->sequence(), slot.client->digest()}];
    slot.client->close();
    if (--slot.rounds_left > 0) return open(slot);
    slot.done = true;
    ++done_;
  }

  const int port_;
  const int rounds_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  LightClient::Keys keys_;
  std::vector<Slot> slots_;
  size_t done_ = 0;
  uint64_t joins_ = 0;
  uint64_t failed_ = 0;
  int64_t start_ns_ = 0;
  int64_t joined_ns_ = 0;
  uint64_t deliveries_ = 0;  // of what was published, until all of this process had joined
  core::Histogram join_;
  core::Histogram delay_;                                   // from set to client, of those that are synced
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> ends_;  // by sequence and digest
};

}  // namespace
}  // namespace tapedeck::clone

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "clone_storm PORT CLIENTS ROUNDS\n");
    return 2;
  }
  tapedeck::clone::Storm storm(std::stoi(argv[1]), std::stoul(argv[2]), std::stoi(argv[3]));
  storm.run();
  fmt::print("{}\n", storm.result().dump());
  return 0;
}
