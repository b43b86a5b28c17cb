#include "engine/transport/endpoint.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace tapedeck::transport {
namespace {

void expect_refused(const std::string& text) {
  const auto endpoint = parse_endpoint(text);
  ASSERT_FALSE(endpoint) << text;
  EXPECT_EQ(endpoint.error().code, core::ExitCode::kUsage) << text;
  EXPECT_NE(endpoint.error().message.find("bad endpoint '" + text + "'"), std::string::npos)
      << endpoint.error().message;
}

TEST(Endpoint, TcpHasAHostAndAPort) {
  const auto endpoint = parse_endpoint("tcp://127.0.0.1:5555");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->scheme, Scheme::kTcp);
  EXPECT_EQ(endpoint->host, "127.0.0.1");
  EXPECT_EQ(endpoint->port, "5555");
  EXPECT_EQ(endpoint->text(), "tcp://127.0.0.1:5555");
}

TEST(Endpoint, TcpTakesAllHostsFreePortsAndAddressesWithColons) {
  EXPECT_EQ(parse_endpoint("tcp://*:0")->text(), "tcp://*:*");
  EXPECT_EQ(parse_endpoint("tcp://*:*")->text(), "tcp://*:*");
  EXPECT_EQ(parse_endpoint("tcp://[::1]:65535")->host, "[::1]");
}

TEST(Endpoint, IpcHasAnAbsolutePath) {
  EXPECT_EQ(parse_endpoint("ipc:///tmp/a")->text(), "ipc:///tmp/a");
  EXPECT_EQ(parse_endpoint("ipc://a")->path, std::filesystem::current_path() / "a");
  EXPECT_EQ(parse_endpoint("ipc:///tmp/b/../a")->path, "/tmp/a");
}

TEST(Endpoint, CommasSeparateTheEndpointsOfShards) {
  const auto endpoints = parse_endpoints("tcp://a:1,ipc:///tmp/b,tcp://c:*");
  ASSERT_TRUE(endpoints);
  ASSERT_EQ(endpoints->size(), 3u);
  EXPECT_EQ(endpoints->at(1).text(), "ipc:///tmp/b");
  for (const char* bad : {"", ",tcp://a:1", "tcp://a:1,", "tcp://a:1,,tcp://b:1"}) EXPECT_FALSE(parse_endpoints(bad));
}

TEST(Endpoint, NeighboursTakeThePortsThatFollow) {
  const auto texts = [](std::string_view first, size_t count) {
    std::vector<std::string> result;
    for (const Endpoint& endpoint : neighbours(*parse_endpoint(first), count)) result.push_back(endpoint.text());
    return result;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts("tcp://a:5555", 3), Texts({"tcp://a:5555", "tcp://a:5556", "tcp://a:5557"}));
  EXPECT_EQ(texts("tcp://a:0", 2), Texts({"tcp://a:*", "tcp://a:*"}));
  EXPECT_EQ(texts("tcp://a:*", 2), Texts({"tcp://a:*", "tcp://a:*"}));
  EXPECT_EQ(texts("ipc:///tmp/b", 3), Texts({"ipc:///tmp/b", "ipc:///tmp/b-1", "ipc:///tmp/b-2"}));
  EXPECT_EQ(texts("tcp://a:65534", 9), Texts({"tcp://a:65534", "tcp://a:65535"}));
}

TEST(Endpoint, ShardsOnPgmHavePortsOfTheirOwn) {
  const auto check = [](std::string_view list) { return check_ports(*parse_endpoints(list)).has_value(); };
  EXPECT_TRUE(check("pgm://239.1.1.1:5@e,pgm://239.1.1.1:6@e"));
  EXPECT_FALSE(check("pgm://239.1.1.1:5@e,pgm://239.1.1.2:5@f"));
  EXPECT_FALSE(check("epgm://239.1.1.1:5@e,epgm://239.1.1.2:5@f"));
  EXPECT_TRUE(check("udp://239.1.1.1:5@e,udp://239.1.1.2:5@f"));
}

TEST(Endpoint, WhatIsNoEndpointIsRefused) {
  for (const char* text : {"", "tcp", "tcp://", "tcp://localhost", "tcp://localhost:", "tcp://:5555", "tcp://a:70000",
                           "tcp://a:65536", "tcp://a:-1", "tcp://a:12x", "tcp://a:x", "ipc://", "udp://239.1.1.1:0",
                           "TCP://a:1", "tcp://a:1@", "tcp://a:1@e;f", " tcp://a:1"}) {
    expect_refused(text);
  }
}

TEST(Endpoint, AnIpcPathMustLeaveRoomForThatOfTheSessionChannel) {
  const std::string longest = "ipc:///" + std::string(98, 'x');
  EXPECT_TRUE(parse_endpoint(longest));
  EXPECT_EQ(session_endpoint_for(*parse_endpoint(longest)).path.size(), 107u);
  expect_refused(longest + "x");
}

TEST(Endpoint, TheSessionChannelIsBesideTheData) {
  EXPECT_EQ(session_endpoint_for(*parse_endpoint("tcp://10.0.0.1:5555")).text(), "tcp://10.0.0.1:*");
  EXPECT_EQ(session_endpoint_for(*parse_endpoint("ipc:///tmp/a")).text(), "ipc:///tmp/a.session");
  EXPECT_EQ(session_endpoint_for(*parse_endpoint("udp://239.1.1.1:5@eth1")).text(), "tcp://*:*@eth1");
}

TEST(Endpoint, MulticastNamesAGroupAndAnInterface) {
  for (const char* text :
       {"pgm://239.192.1.1:5555@eth1", "epgm://224.0.1.1:1@10.0.0.1", "udp://239.1.1.1:65535@a-b.100"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_TRUE(endpoint->is_multicast());
    EXPECT_EQ(endpoint->text(), text);
  }
  EXPECT_EQ(parse_endpoint("pgm://eth1;239.192.1.1:5555")->text(), "pgm://239.192.1.1:5555@eth1");
  EXPECT_EQ(parse_endpoint("tcp://*:5555@eth1")->text(), "tcp://*:5555@eth1");
  EXPECT_FALSE(parse_endpoint("tcp://*:5555@eth1")->is_multicast());
}

TEST(Endpoint, MulticastShardsThatNameNoInterfaceTakeThoseOfTheirPlaces) {
  auto shards = *parse_endpoints("pgm://239.1.1.1:5,pgm://239.1.1.1:6@eth9,udp://239.1.1.1:7,tcp://*:8");
  EXPECT_EQ(shards[0].text(), "pgm://239.1.1.1:5");
  take_nics(shards, {});
  EXPECT_EQ(shards[0].nic, "");
  std::vector<topology::ShardPlace> places(2);
  places[0].nic = "eth1";
  places[1].nic = "eth2";
  take_nics(shards, places);
  EXPECT_EQ(shards[0].text(), "pgm://239.1.1.1:5@eth1");
  EXPECT_EQ(shards[1].nic, "eth9");
  EXPECT_EQ(shards[2].nic, "eth1");
  EXPECT_EQ(shards[3].nic, "");
}

TEST(Endpoint, MulticastWithoutAGroupOrAPortIsRefused) {
  for (const char* text :
       {"pgm://", "pgm://@eth1", "pgm://239.1.1.1@eth1", "pgm://239.1.1.1:@eth1", "udp://239.1.1.1:0@eth1",
        "udp://239.1.1.1:*@eth1", "udp://239.1.1.1:65536@eth1", "udp://239.1.1.1:5@", "udp://10.0.0.1:5@eth1",
        "udp://240.0.0.1:5@eth1", "udp://239.1.1:5@eth1", "udp://[ff02::1]:5@eth1", "epgm://host:5@eth1",
        "epgm://;239.1.1.1:5"}) {
    expect_refused(text);
  }
}

}  // namespace
}  // namespace tapedeck::transport
