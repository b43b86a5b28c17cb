#include "engine/transport/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "engine/core/stop.h"
#include "tests/engine/topology/thread_facts.h"
#include "tests/scratch_folder.h"

namespace tapedeck::transport {
namespace {

class SocketTest : public ::testing::Test {
 protected:
  [[nodiscard]] Endpoint ipc() const { return *parse_endpoint("ipc://" + (folder_ / "s").string()); }

  const ScratchFolder folder_;
  zmq::context_t context_;
};

TEST_F(SocketTest, BindGivesThePortThatItGot) {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  const auto endpoint = bind(socket, *parse_endpoint("tcp://127.0.0.1:0"));
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_NE(parse_endpoint(*endpoint)->port, "0");
  zmq::socket_t sub(context_, zmq::socket_type::sub);
  EXPECT_TRUE(connect(sub, *endpoint));
}

TEST_F(SocketTest, ConnectionsOverLoopbackAreNotPacedByTheirCongestionControl) {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost"}) {
    ASSERT_TRUE(bind(socket, *parse_endpoint(fmt::format("tcp://{}:0", host))));
    std::array<char, 16> name{};
    socklen_t size = name.size();
    ASSERT_EQ(getsockopt(socket.get(zmq::sockopt::use_fd), IPPROTO_TCP, TCP_CONGESTION, name.data(), &size), 0);
    EXPECT_STREQ(name.data(), "reno") << host;
  }
}

TEST_F(SocketTest, AnEndpointForOtherHostsIsLeftToTheSystem) {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  ASSERT_TRUE(bind(socket, *parse_endpoint("tcp://*:0")));
  EXPECT_EQ(socket.get(zmq::sockopt::use_fd), -1);
}

TEST_F(SocketTest, ReceiveBuffersForDataAreShortOverLoopbackOnly) {
  zmq::socket_t socket(context_, zmq::socket_type::sub);
  ASSERT_TRUE(connect_for_data(socket, parse_endpoint("tcp://127.0.0.1:1").value()));
  EXPECT_EQ(socket.get(zmq::sockopt::rcvbuf), 384 * 1024);
  ASSERT_TRUE(connect_for_data(socket, ipc()));
  EXPECT_EQ(socket.get(zmq::sockopt::rcvbuf), -1);
}

TEST_F(SocketTest, APortInUseIsRefused) {
  zmq::socket_t first(context_, zmq::socket_type::xpub);
  const auto endpoint = bind(first, *parse_endpoint("tcp://127.0.0.1:0"));
  ASSERT_TRUE(endpoint);
  zmq::socket_t second(context_, zmq::socket_type::xpub);
  const auto refused = bind(second, *parse_endpoint(*endpoint));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("choose another port"), std::string::npos) << refused.error().message;
}

TEST_F(SocketTest, AnIpcPathInUseIsRefusedAndOneLeftBehindIsNot) {
  {
    zmq::socket_t first(context_, zmq::socket_type::xpub);
    ASSERT_TRUE(bind(first, ipc()));
    zmq::socket_t second(context_, zmq::socket_type::xpub);
    const auto refused = bind(second, ipc());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("choose another path"), std::string::npos) << refused.error().message;
  }
  context_.close();
  zmq::context_t later;
  zmq::socket_t third(later, zmq::socket_type::xpub);
  EXPECT_TRUE(bind(third, ipc()));
}

TEST_F(SocketTest, AnEndpointThatCannotBeIsAnErrorNotAnException) {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  EXPECT_FALSE(bind(socket, *parse_endpoint("ipc:///no/such/folder/s")));
  EXPECT_FALSE(connect(socket, "tcp://nowhere"));
}

TEST_F(SocketTest, AMessageInABufferGivesItBackOnceItHasBeenSent) {
  core::BufferPool pool(1, 4096);
  const core::StopFlag stop;
  zmq::socket_t pull(context_, zmq::socket_type::pull);
  ASSERT_TRUE(bind(pull, ipc()));
  pull.set(zmq::sockopt::rcvtimeo, 10'000);
  zmq::socket_t push(context_, zmq::socket_type::push);
  ASSERT_TRUE(connect(push, ipc().text()));
  for (int i = 0; i < 3; ++i) {
    core::BufferLease buffer(pool.acquire(stop));  // waits for the one buffer to come back
    std::memset(buffer.bytes().data(), 'a' + i, 4096);
    zmq::message_t message = message_in(std::move(buffer), 8, 4000);
    EXPECT_FALSE(pool.all_free());
    ASSERT_TRUE(send(push, message));
    ASSERT_TRUE(receive(pull, message));
    EXPECT_EQ(message.to_string(), std::string(4000, static_cast<char>('a' + i)));
  }
  core::BufferLease last(pool.acquire(stop));
  EXPECT_TRUE(last);
}

TEST_F(SocketTest, AMessageThatIsNeverSentGivesItsBufferBack) {
  core::BufferPool pool(1, 4096);
  const core::StopFlag stop;
  { const zmq::message_t message = message_in(core::BufferLease(pool.acquire(stop)), 0, 10); }
  EXPECT_TRUE(pool.all_free());
}

TEST_F(SocketTest, ReceiveGivesUpAfterItsTimeout) {
  zmq::socket_t pull(context_, zmq::socket_type::pull);
  ASSERT_TRUE(bind(pull, ipc()));
  pull.set(zmq::sockopt::rcvtimeo, 1);
  zmq::message_t message;
  EXPECT_FALSE(receive(pull, message));
}

TEST(Reachable, AnEndpointOnAllHostsIsTheHostThatTheDataCameFrom) {
  const Endpoint data = *parse_endpoint("tcp://10.1.2.3:5555");
  EXPECT_EQ(reachable("tcp://0.0.0.0:99", data), "tcp://10.1.2.3:99");
  EXPECT_EQ(reachable("tcp://*:99", data), "tcp://10.1.2.3:99");
  EXPECT_EQ(reachable("tcp://[::]:99", data), "tcp://10.1.2.3:99");
}

TEST(Reachable, AnyOtherEndpointStaysAsItIs) {
  const Endpoint data = *parse_endpoint("tcp://10.1.2.3:5555");
  EXPECT_EQ(reachable("tcp://10.9.9.9:99", data), "tcp://10.9.9.9:99");
  EXPECT_EQ(reachable("ipc:///tmp/a.session", data), "ipc:///tmp/a.session");
  EXPECT_EQ(reachable("tcp://0.0.0.0:99", *parse_endpoint("ipc:///tmp/a")), "tcp://0.0.0.0:99");
  EXPECT_EQ(reachable("tcp://", data), "tcp://");
  EXPECT_EQ(reachable("nonsense", data), "nonsense");
}

// The threads of contexts whose names have this number in front.
std::vector<topology::ThreadFacts> io_threads_of(unsigned shard) {
  std::vector<topology::ThreadFacts> threads;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const topology::ThreadFacts facts = topology::facts_of(task.path());
    if (facts.name.starts_with(fmt::format("{}/ZMQbg/", shard))) threads.push_back(facts);
  }
  return threads;
}

TEST_F(SocketTest, IoThreadsRunWhereTheirPlaceIsUnderTheNumberOfTheirShard) {
  topology::ShardPlace place;
  place.io.cpu = static_cast<unsigned>(sched_getcpu());
  place.io.fifo_priority = 3;
  core::Notices notices;
  std::vector<zmq::context_t> networks = make_networks(2, {{}, place}, notices);
  // A message that has gone over TCP went through the I/O thread, which has its name by then.
  zmq::socket_t push(networks[1], zmq::socket_type::push);
  zmq::socket_t pull(networks[1], zmq::socket_type::pull);
  ASSERT_TRUE(connect(push, *bind(pull, *parse_endpoint("tcp://127.0.0.1:0"))));
  zmq::message_t message("x", 1);
  ASSERT_TRUE(send(push, message) && receive(pull, message));

  const auto threads = io_threads_of(1);
  const auto io = std::ranges::find(threads, "1/ZMQbg/IO/0", &topology::ThreadFacts::name);
  ASSERT_NE(io, threads.end());
  EXPECT_EQ(io->cpus_allowed, std::to_string(*place.io.cpu));
  EXPECT_EQ(io->cpu, *place.io.cpu);
  EXPECT_EQ(io->policy, notices.all().empty() ? SCHED_FIFO : SCHED_OTHER);
}

TEST_F(SocketTest, IoThreadsGoOnWithoutWhatTheirPlaceCannotGive) {
  topology::ShardPlace place;
  place.io.cpu = 99'999;
  place.io.fifo_priority = 1'000;
  core::Notices notices;
  std::vector<zmq::context_t> networks = make_networks(1, {place}, notices);
  EXPECT_EQ(notices.all().size(), 2u);
  zmq::socket_t socket(networks[0], zmq::socket_type::pub);
  EXPECT_TRUE(bind(socket, *parse_endpoint("tcp://127.0.0.1:0")));
}

TEST_F(SocketTest, NetworksBeyondThePlacesAreFree) {
  core::Notices notices;
  EXPECT_EQ(make_networks(3, {topology::ShardPlace{}}, notices).size(), 3u);
  EXPECT_TRUE(notices.all().empty());
}

}  // namespace
}  // namespace tapedeck::transport
