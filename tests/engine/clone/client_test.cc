#include "engine/clone/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/clone/running_server.h"

namespace tapedeck::clone {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// What a watcher was told, as text.
class Diary {
 public:
  Client::OnChange writer() {
    return [this](const Change& change) {
      const std::lock_guard lock(mutex_);
      switch (change.kind) {
        case Change::Kind::kSet: lines_.push_back(fmt::format("{}={}", change.key, change.value)); break;
        case Change::Kind::kErased: lines_.push_back(fmt::format("{} erased", change.key)); break;
        case Change::Kind::kResynced: lines_.emplace_back("resynced"); break;
      }
    };
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] bool reaches(size_t count) const {
    return eventually([&] { return lines().size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST(Client, WhatOneSetsAllHave) {
  const RunningServer server;
  const auto one = join(server.address());
  const auto other = join(server.address());
  ASSERT_TRUE(one->set("/a/k", "1"));
  ASSERT_TRUE(one->set("/a/l", "2"));
  ASSERT_TRUE(one->erase("/a/k"));
  EXPECT_EQ(one->get("/a/k"), std::nullopt);
  EXPECT_EQ(one->get("/a/l"), "2");
  ASSERT_TRUE(other->wait_for(3, kDeadline_ns));
  EXPECT_EQ(other->digest(), one->digest());
  EXPECT_EQ(other->state().keys, 1u);
  const auto late = join(server.address());
  EXPECT_EQ(late->digest(), one->digest());
  EXPECT_EQ(late->state().sequence, 3u);
}

TEST(Client, UpdatesTravelByPushAndPullToo) {
  const RunningServer server({.collector = Collector::kPull});
  const auto client = join(server.address(), {.collector = Collector::kPull});
  ASSERT_TRUE(client->set("k", "1"));
  EXPECT_EQ(client->get("k"), "1");
}

TEST(Client, RefusesAtOnceWhatNoServerTakes) {
  const RunningServer server;
  const auto client = join(server.address(), {.subtree = "/a/"});
  EXPECT_EQ(client->set("HUGZ", "1").error().code, core::ExitCode::kUsage);
  EXPECT_EQ(client->set("/a/k", "").error().code, core::ExitCode::kUsage);
  EXPECT_EQ(client->set("/b/k", "1").error().code, core::ExitCode::kUsage);
  EXPECT_EQ(client->set("/a/k", "1", -1).error().code, core::ExitCode::kUsage);
  EXPECT_EQ(client->set("/a/k", "1", kTtlMax_s + 1).error().code, core::ExitCode::kUsage);
  EXPECT_FALSE(Client::connect({.servers = {"x:y"}}));
  EXPECT_FALSE(Client::connect({.servers = {}}));
  EXPECT_FALSE(Client::connect({.servers = {"1"}, .subtree = "a"}));
}

TEST(Client, HearsWhyTheServerRefuses) {
  const RunningServer server({.limits = {.keys_max = 1, .value_bytes_max = 10}});
  const auto client = join(server.address());
  EXPECT_THAT(client->set("a", "12345678901").error().message, HasSubstr("10 at most"));
  EXPECT_TRUE(client->set("a", "1234567890"));
  EXPECT_THAT(client->set("b", "1").error().message, HasSubstr("as many keys as it may"));
  EXPECT_TRUE(client->set("a", "2"));
}

TEST(Client, FollowsASubtreeAndSeesNothingElse) {
  const RunningServer server;
  const auto all = join(server.address());
  ASSERT_TRUE(all->set("/a/1", "x"));
  const auto some = join(server.address(), {.subtree = "/a/"});
  ASSERT_TRUE(all->set("/b/1", "x"));
  ASSERT_TRUE(all->set("/a/2", "x"));
  ASSERT_TRUE(some->wait_for(3, kDeadline_ns));
  std::vector<std::string> keys;
  some->for_each("", [&](const Entry& entry) { keys.push_back(entry.key); });
  EXPECT_THAT(keys, ElementsAre("/a/1", "/a/2"));
  EXPECT_EQ(some->state().holes, 0u);
}

TEST(Client, AWatcherHearsOfWhatIsThereAndOfEveryChangeInOrder) {
  const RunningServer server;
  const auto client = join(server.address());
  ASSERT_TRUE(client->set("/a/1", "x"));
  Diary diary;
  client->watch("/a/", diary.writer());
  ASSERT_TRUE(client->set("/a/2", "y"));
  ASSERT_TRUE(client->set("/b/1", "z"));
  ASSERT_TRUE(client->erase("/a/1"));
  EXPECT_THAT(diary.lines(), ElementsAre("/a/1=x", "/a/2=y", "/a/1 erased"));
}

TEST(Client, ACallbackMayUpdateButNotWait) {
  const RunningServer server;
  const auto client = join(server.address());
  std::atomic<bool> refused{false};
  client->watch("/in/", [&](const Change& change) {
    refused = !client->set("/out/never", "1").has_value();
    client->update("/out/k", change.value, 0, {});
  });
  ASSERT_TRUE(client->set("/in/k", "1"));
  EXPECT_TRUE(eventually([&] { return client->get("/out/k") == "1"; }));
  EXPECT_TRUE(refused);
  EXPECT_EQ(client->get("/out/never"), std::nullopt);
}

TEST(Client, ManyThreadsMayUseOne) {
  constexpr int kThreads = 4;
  constexpr int kUpdates = 50;
  const RunningServer server;
  const auto client = join(server.address());
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&client = *client, t] {
      for (int i = 0; i < kUpdates; ++i) {
        const std::string key = fmt::format("/{}/{}", t, i);
        EXPECT_TRUE(client.set(key, "v"));
        EXPECT_EQ(client.get(key), "v");
        size_t keys = 0;
        client.for_each(fmt::format("/{}/", t), [&](const Entry&) { ++keys; });
        EXPECT_EQ(keys, static_cast<size_t>(i + 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client->state().keys, static_cast<uint64_t>(kThreads * kUpdates));
}

TEST(Client, AnEphemeralKeyGoesForAllUnlessRefreshed) {
  const RunningServer server;
  const auto client = join(server.address());
  Diary diary;
  client->watch("", diary.writer());
  ASSERT_TRUE(client->set("a", "1", 1));
  ASSERT_TRUE(client->set("b", "1", 1));
  ASSERT_TRUE(client->set("b", "1", 1000));
  ASSERT_TRUE(diary.reaches(4));
  EXPECT_EQ(diary.lines().back(), "a erased");
  EXPECT_EQ(client->get("b"), "1");
  EXPECT_EQ(client->state().sequence, 4u);
}

// Whoever looks at the wall clock finds it a year later each time.
class SteppingClock final : public core::Clock {
 public:
  [[nodiscard]] core::Nanos now() const override {
    constexpr int64_t kYear_ns = 365LL * 24 * 3600 * 1'000'000'000;
    return core::Nanos{core::system_clock().now().value + kYear_ns * ++looks_};
  }
  [[nodiscard]] int64_t monotonic_ns() const override { return core::system_clock().monotonic_ns(); }
  bool sleep_until(int64_t deadline_ns, const core::StopFlag& stop) const override {
    return core::system_clock().sleep_until(deadline_ns, stop);
  }

 private:
  mutable std::atomic<int64_t> looks_{0};
};

TEST(Client, AStepOfTheWallClockExpiresNothing) {
  const SteppingClock clock;
  const RunningServer server({}, clock);
  const auto client = join(server.address());
  ASSERT_TRUE(client->set("a", "1", 1000));
  ASSERT_TRUE(client->set("b", "1", 1));
  ASSERT_TRUE(client->wait_for(3, kDeadline_ns));
  EXPECT_EQ(client->get("a"), "1");
  EXPECT_EQ(client->get("b"), std::nullopt);
}

TEST(Client, AnUpdateThatIsRefusedAtOnceNeedsNoCallback) {
  const RunningServer server;
  const auto client = join(server.address());
  client->update("HUGZ", "1", 0, {});
  ASSERT_TRUE(client->set("a", "1"));
}

TEST(Client, JoinsUnderAStreamOfUpdatesLoseNothing) {
  constexpr int kJoins = 50;
  const RunningServer server;
  const auto writer = join(server.address());
  std::atomic<bool> over{false};
  std::thread stream([&] {
    for (uint64_t i = 0; !over; ++i) EXPECT_TRUE(writer->set(fmt::format("k{}", i % 100), fmt::format("{}", i)));
  });
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(kJoins);
  for (int i = 0; i < kJoins; ++i) clients.push_back(join(server.address(), {.on_gap = OnGap::kStop}));
  over = true;
  stream.join();
  const uint64_t sequence = writer->state().sequence;
  for (const auto& client : clients) {
    ASSERT_TRUE(client->wait_for(sequence, kDeadline_ns));
    EXPECT_EQ(client->digest(), writer->digest());
    EXPECT_EQ(client->state().holes, 0u);
  }
}

TEST(Client, ADigestIsThatOfItsSequence) {
  constexpr uint64_t kUpdates = 20'000;
  const RunningServer server;
  std::map<uint64_t, uint64_t> expected;  // of the client's thread, until it has no more updates
  uint64_t digest = 0;
  const auto client = join(server.address());
  client->watch("", [&](const Change& change) {
    digest += digest_of(change.key, change.value);
    expected[change.sequence] = digest;
  });
  for (uint64_t i = 0; i < kUpdates; ++i) client->update(fmt::format("k{}", i), "v", 0, {});
  std::vector<StateDigest> seen;
  while (seen.empty() || seen.back().sequence < kUpdates) seen.push_back(client->digest());
  ASSERT_TRUE(client->set("last", "v"));
  for (const StateDigest& state : seen) {
    ASSERT_EQ(state.digest, expected[state.sequence]) << "at " << state.sequence;
    ASSERT_EQ(state.keys, state.sequence);
  }
}

TEST(Client, AGroupTakesItsStateAtOneSequence) {
  const RunningServer server;
  const auto writer = join(server.address());
  const auto one = join(server.address(), {.stop_at = 20});
  ASSERT_TRUE(writer->set("a", "1"));
  const auto other = join(server.address(), {.stop_at = 20});
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(writer->set(fmt::format("k{}", i), "v"));
  ASSERT_TRUE(one->wait_for(20, kDeadline_ns));
  ASSERT_TRUE(other->wait_for(20, kDeadline_ns));
  EXPECT_EQ(one->state().keys, 20u);
  EXPECT_EQ(one->digest(), other->digest());
  EXPECT_NE(one->digest(), writer->digest());
  const auto late = connect_to(server.address(), {.stop_at = 20});
  EXPECT_THAT(late->wait_for(20, kDeadline_ns).error().message, HasSubstr("past 20"));
}

TEST(Client, HearsOfAnotherServerOnTheSamePortAndOfWhatItLacks) {
  auto server = std::make_unique<RunningServer>();
  const uint16_t port = server->port();
  const auto client = join(server->address());
  ASSERT_TRUE(client->set("a", "1"));
  ASSERT_TRUE(client->set("b", "1"));
  Diary diary;
  client->watch("", diary.writer());
  server.reset();
  server = std::make_unique<RunningServer>(ServerOptions{.port = port});
  ASSERT_TRUE(diary.reaches(5));
  EXPECT_THAT(diary.lines(), ElementsAre("a=1", "b=1", "resynced", "a erased", "b erased"));
  ASSERT_TRUE(client->set("c", "1"));
  EXPECT_EQ(client->state().sequence, 1u);
}

TEST(Client, TriesAllServersInTurnAndComesBackToTheFirst) {
  auto first = std::make_unique<RunningServer>();
  const uint16_t port = first->port();
  auto second = std::make_unique<RunningServer>();
  auto third = std::make_unique<RunningServer>();
  const std::vector<std::string> servers = {first->address(), second->address(), third->address()};
  for (const std::string& server : servers) ASSERT_TRUE(join(server)->set("who", server));
  const auto client = Client::connect({.servers = servers, .silence_ns = 1500 * kMillisecond_ns}).value();
  const auto follows = [&](const std::string& server) {
    return eventually([&] { return client->state().synced && client->get("who") == server; });
  };
  EXPECT_TRUE(follows(servers[0]));
  first.reset();
  EXPECT_TRUE(follows(servers[1]));
  second.reset();
  EXPECT_TRUE(follows(servers[2]));
  third.reset();
  first = std::make_unique<RunningServer>(ServerOptions{.port = port});
  EXPECT_TRUE(eventually([&] { return client->state().synced && !client->get("who"); }));
  ASSERT_TRUE(client->set("who", "again"));
}

TEST(Client, SwitchesToTheSecondServerWhenTheFirstIsSilentAndSendsAgain) {
  auto first = std::make_unique<RunningServer>();
  const RunningServer second;
  const auto at_second = join(second.address());
  ASSERT_TRUE(at_second->set("who", "second"));
  const auto client =
      Client::connect({.servers = {first->address(), second.address()}, .silence_ns = 1500 * kMillisecond_ns}).value();
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  ASSERT_TRUE(client->set("who", "first"));
  first.reset();
  ASSERT_TRUE(client->set("k", "1"));
  EXPECT_EQ(client->get("who"), "second");
  EXPECT_TRUE(eventually([&] { return at_second->get("k") == "1"; }));
}

TEST(Client, SwitchesToTheSecondServerWhenTheFirstOnlyRefuses) {
  const RunningServer first({.limits = {.clients_max = 0}});
  const RunningServer second;
  const auto client =
      Client::connect({.servers = {first.address(), second.address()}, .silence_ns = 1200 * kMillisecond_ns}).value();
  EXPECT_TRUE(client->wait_synced(kDeadline_ns));
}

TEST(Client, RefusesAValueThatTheServerWouldNotTakeAndGoesOn) {
  const RunningServer server({.limits = {.value_bytes_max = 1'000}});
  const auto client = join(server.address());
  EXPECT_THAT(client->set("a", std::string(100'000, 'v')).error().message, HasSubstr("1000 at most"));
  EXPECT_TRUE(client->set("a", std::string(1'000, 'v')));
}

TEST(Client, GivesUpAnUpdateThatNobodyConfirms) {
  const auto client = connect_to("1", {.timeout_ns = 100 * kMillisecond_ns});
  EXPECT_THAT(client->set("a", "1").error().message, HasSubstr("no server has confirmed"));
  EXPECT_FALSE(client->wait_synced(1));
}

std::vector<std::string> texts_of(std::span<const core::Bytes> frames) {
  std::vector<std::string> texts;
  for (const core::Bytes frame : frames) texts.emplace_back(core::as_text(frame));
  return texts;
}

// A server made by hand, to say what no server should.
class ByHand : public ::testing::Test {
 protected:
  void SetUp() override {
    for (zmq::socket_t* socket : {&router_, &publisher_, &collector_}) {
      socket->set(zmq::sockopt::linger, 0);
      socket->set(zmq::sockopt::rcvtimeo, static_cast<int>(kDeadline_ns / kMillisecond_ns));
    }
    while (port_ == 0) try_to_bind();
    collector_.set(zmq::sockopt::subscribe, "");
  }

  void try_to_bind() {
    router_ = zmq::socket_t(context_, zmq::socket_type::router);
    router_.bind("tcp://127.0.0.1:*");
    const std::string bound = router_.get(zmq::sockopt::last_endpoint);
    const int port = std::stoi(bound.substr(bound.rfind(':') + 1));
    try {
      publisher_.bind(fmt::format("tcp://127.0.0.1:{}", port + 1));
      collector_.bind(fmt::format("tcp://127.0.0.1:{}", port + 2));
      port_ = port;
    } catch (const zmq::error_t&) {
      publisher_ = zmq::socket_t(context_, zmq::socket_type::xpub);
    }
  }

  [[nodiscard]] std::unique_ptr<Client> connect(ClientOptions options = {}) {
    return connect_to(std::to_string(port_), std::move(options));
  }
  // Until the client has subscribed; then it gets a heartbeat.
  void await_subscriber() {
    zmq::message_t message;
    while (transport::receive(publisher_, message) && message.to_string_view() != "\1HUGZ") continue;
    publish({.key = kHeartbeat});
  }
  void publish(const Message& message) { EXPECT_EQ(send(publisher_, message), Sent::kYes); }
  // Answers one request with these keys, each of value "0".
  void answer(uint64_t sequence, const std::vector<std::string>& keys, bool to_the_end = true) {
    zmq::message_t identity;
    zmq::message_t command;
    zmq::message_t subtree;
    ASSERT_TRUE(transport::receive(router_, identity));
    ASSERT_TRUE(transport::receive(router_, command));
    ASSERT_TRUE(transport::receive(router_, subtree));
    EXPECT_EQ(command.to_string_view(), kRequest);
    const std::string name = identity.to_string();
    for (const std::string& key : keys) {
      ASSERT_EQ(send_frame(router_, frame_of(name), true), Sent::kYes);
      ASSERT_EQ(send(router_, {.key = key, .value = "0"}), Sent::kYes);
    }
    if (!to_the_end) return;
    ASSERT_EQ(send_frame(router_, frame_of(name), true), Sent::kYes);
    ASSERT_EQ(send(router_, {.key = kEnd, .sequence = sequence}), Sent::kYes);
  }
  [[nodiscard]] std::string receive_update() {  // its key, and what it had to say
    Frames frames;
    if (!eventually([&] { return frames.receive(collector_); })) return "nothing";
    Message message;
    EXPECT_EQ(decode(frames.bytes(), message), Fault::kNone);
    uuid_ = message.uuid;
    return fmt::format("{}={}", message.key, message.value);
  }

  zmq::context_t context_;
  zmq::socket_t router_{context_, zmq::socket_type::router};
  zmq::socket_t publisher_{context_, zmq::socket_type::xpub};
  zmq::socket_t collector_{context_, zmq::socket_type::sub};
  int port_ = 0;
  std::string uuid_;
};

TEST_F(ByHand, AHoleMakesTheClientFetchItsStateAnewAndTellOfIt) {
  const auto client = connect();
  Diary diary;
  client->watch("", diary.writer());
  await_subscriber();
  answer(10, {"a", "b"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  publish({.key = "a", .sequence = 12, .value = "1"});
  answer(20, {"b", "c"});
  ASSERT_TRUE(client->wait_for(20, kDeadline_ns));
  ASSERT_TRUE(diary.reaches(5));
  EXPECT_THAT(diary.lines(), ElementsAre("a=0", "b=0", "resynced", "a erased", "c=0"));
  EXPECT_EQ(client->state().holes, 1u);
  EXPECT_EQ(client->state().resyncs, 1u);
}

TEST_F(ByHand, AnUpdateOfAnotherServerIsNotTakenForTheNextOne) {
  const auto client = connect();
  await_subscriber();
  publish({.key = kHeartbeat, .properties = "instance=a\nlast=10\n"});
  answer(10, {"a"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  publish({.key = "a", .sequence = 11, .properties = "instance=b\n", .value = "1"});
  answer(11, {"b"});
  ASSERT_TRUE(client->wait_for(11, kDeadline_ns));
  EXPECT_EQ(client->get("a"), std::nullopt);
  EXPECT_EQ(client->state().holes, 0u);
  EXPECT_EQ(client->state().resyncs, 1u);
}

TEST_F(ByHand, AHoleMakesTheClientStopIfSoAsked) {
  const auto client = connect({.on_gap = OnGap::kStop});
  await_subscriber();
  answer(10, {"a"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  publish({.key = "a", .sequence = 12, .value = "1"});
  EXPECT_THAT(client->wait_for(12, kDeadline_ns).error().message, HasSubstr("unable to continue"));
  EXPECT_EQ(client->get("a"), "0");
  EXPECT_FALSE(client->set("a", "2"));
}

TEST_F(ByHand, UpdatesThatWereMissedInASilenceMakeTheClientStopIfSoAsked) {
  const auto client = connect({.on_gap = OnGap::kStop, .silence_ns = 300 * kMillisecond_ns});
  await_subscriber();
  answer(10, {"a"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  await_subscriber();  // to new connections, for it has heard nothing
  answer(12, {"b"});
  EXPECT_THAT(client->wait_for(12, kDeadline_ns).error().message, HasSubstr("unable to continue"));
  EXPECT_EQ(client->get("b"), std::nullopt);
}

TEST_F(ByHand, ASilenceInWhichNothingWasMissedStopsNobody) {
  const auto client = connect({.on_gap = OnGap::kStop, .silence_ns = 300 * kMillisecond_ns});
  await_subscriber();
  answer(10, {"a"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  await_subscriber();
  answer(10, {"a"});
  publish({.key = "b", .sequence = 11, .value = "1"});
  EXPECT_TRUE(client->wait_for(11, kDeadline_ns));
}

TEST_F(ByHand, AClientOfASubtreeThatMissesItsLastUpdateFetchesItsStateAnew) {
  const auto client = connect({.subtree = "/a/"});
  await_subscriber();
  answer(10, {"/a/1"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  publish({.key = kHeartbeat, .properties = "instance=a\nlast=12\nlast./b/=12\nlast./a/=11\nsince=0\n"});
  answer(12, {"/a/2"});
  ASSERT_TRUE(client->wait_for(12, kDeadline_ns));
  EXPECT_EQ(client->get("/a/1"), std::nullopt);
  EXPECT_EQ(client->state().holes, 1u);
}

TEST_F(ByHand, UpdatesThatComeDuringTheSnapshotAreNotLost) {
  const auto client = connect();
  await_subscriber();
  publish({.key = "a", .sequence = 11, .value = "1"});
  publish({.key = "b", .sequence = 12, .value = "1"});
  answer(11, {"a"});
  ASSERT_TRUE(client->wait_for(12, kDeadline_ns));
  EXPECT_EQ(client->get("a"), "0");  // 11 is older than the snapshot
  EXPECT_EQ(client->get("b"), "1");
}

TEST_F(ByHand, AServerThatDiesInMidSnapshotIsAskedAgain) {
  const auto client = connect({.silence_ns = 300 * kMillisecond_ns});
  await_subscriber();
  answer(10, {"a", "b"}, false);
  await_subscriber();  // to new connections
  answer(10, {"b"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  EXPECT_EQ(client->get("a"), std::nullopt);
}

TEST_F(ByHand, ASnapshotThatStallsIsAskedForAgainThoughTheServerLives) {
  const auto client = connect({.silence_ns = 300 * kMillisecond_ns});
  await_subscriber();
  answer(10, {"a", "b"}, false);
  ASSERT_TRUE(eventually([&] {
    publish({.key = kHeartbeat});
    return (router_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
  }));
  answer(10, {"b"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  EXPECT_EQ(client->get("a"), std::nullopt);
}

TEST_F(ByHand, ItsFramesAreAsTheProtocolPageHasThem) {
  const auto client = connect({.subtree = "/a/"});
  await_subscriber();
  Frames frames;
  ASSERT_TRUE(eventually([&] { return frames.receive(router_); }));
  EXPECT_THAT(texts_of(frames.bytes(1)), ElementsAre("ICANHAZ?", "/a/"));
  client->update("/a/b", "v", 5, {});
  client->update("/a/b", "", 0, {});
  ASSERT_TRUE(eventually([&] { return frames.receive(collector_); }));
  EXPECT_THAT(texts_of(frames.bytes()), ElementsAre("/a/b", std::string(8, '\0'), SizeIs(16), "ttl=5\n", "v"));
  ASSERT_TRUE(eventually([&] { return frames.receive(collector_); }));
  EXPECT_THAT(texts_of(frames.bytes()), ElementsAre("/a/b", std::string(8, '\0'), SizeIs(16), "", ""));
}

TEST_F(ByHand, HoldsABoundedPartOfWhatIsPublishedMeanwhileAndLosesNone) {
  const auto client = connect();
  await_subscriber();
  const std::string large(4'000'000, 'v');
  for (uint64_t i = 1; i <= 30; ++i) publish({.key = "k", .sequence = i, .value = large});
  answer(0, {});
  ASSERT_TRUE(client->wait_for(30, kDeadline_ns));
  EXPECT_EQ(client->state().holes, 0u);
}

TEST_F(ByHand, AnUpdateIsSentAgainUntilItsUuidComesBack) {
  const auto client = connect();
  await_subscriber();
  answer(10, {});
  std::atomic<bool> done{false};
  client->update("a", "1", 7, [&](const core::Status& status) { done = status.has_value(); });
  EXPECT_EQ(receive_update(), "a=1");
  const std::string uuid = uuid_;
  EXPECT_EQ(receive_update(), "a=1");
  EXPECT_EQ(uuid_, uuid);
  EXPECT_FALSE(done);
  publish({.key = "a", .sequence = 11, .uuid = uuid, .value = "1"});
  EXPECT_TRUE(eventually([&] { return done.load(); }));
}

TEST_F(ByHand, AnUpdateIsNotConfirmedBeforeTheClientHasIt) {
  const auto client = connect();
  await_subscriber();
  answer(10, {});
  std::atomic<bool> done{false};
  client->update("a", "1", 0, [&](const core::Status&) { done = true; });
  EXPECT_EQ(receive_update(), "a=1");
  publish({.key = kHeartbeat, .uuid = uuid_, .properties = "done=12\n"});
  publish({.key = "b", .sequence = 11, .value = "1"});
  ASSERT_TRUE(client->wait_for(11, kDeadline_ns));
  EXPECT_FALSE(done);
  publish({.key = "a", .sequence = 12, .value = "1"});
  ASSERT_TRUE(client->wait_for(12, kDeadline_ns));
  publish({.key = kHeartbeat, .uuid = uuid_, .properties = "done=12\n"});
  EXPECT_TRUE(eventually([&] { return done.load(); }));
}

TEST_F(ByHand, AnUpdateThatWasLostIsNotSentAgainOverALaterOneOfTheSameKey) {
  const auto client = connect();
  await_subscriber();
  answer(10, {});
  std::atomic<int> done{0};
  for (const char* value : {"1", "2"}) client->update("a", value, 0, [&](const core::Status&) { ++done; });
  EXPECT_EQ(receive_update(), "a=1");
  EXPECT_EQ(receive_update(), "a=2");
  publish({.key = "a", .sequence = 11, .uuid = uuid_, .value = "2"});
  EXPECT_TRUE(eventually([&] { return done == 2; }));
}

TEST_F(ByHand, ToleratesWhatOtherImplementationsSayAndCountsWhatNobodyShould) {
  const auto client = connect();
  await_subscriber();
  answer(10, {"a"});
  ASSERT_TRUE(client->wait_synced(kDeadline_ns));
  publisher_.send(zmq::str_buffer("HUGZ"), zmq::send_flags::none);
  publisher_.send(zmq::str_buffer(""), zmq::send_flags::none);
  publisher_.send(zmq::str_buffer("a"), zmq::send_flags::sndmore);  // as the chapter's first models
  publisher_.send(frame_of(uint64_t{11}), zmq::send_flags::sndmore);
  publisher_.send(zmq::str_buffer("v"), zmq::send_flags::none);
  publish({.key = kEnd, .sequence = 99});
  publish({.key = kHeartbeat, .sequence = 10});
  publish({.key = "a",
           .sequence = 11,
           .uuid = "0123456789abcdef0123456789abcdef",
           .properties = "ttl=1700000000000\n",
           .value = "1"});
  ASSERT_TRUE(client->wait_for(11, kDeadline_ns));
  EXPECT_EQ(client->get("a"), "1");
  EXPECT_EQ(client->state().malformed, 3u);
  EXPECT_EQ(client->state().holes, 0u);
}

}  // namespace
}  // namespace tapedeck::clone
