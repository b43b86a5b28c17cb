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

TEST(Endpoint, WhatIsNoEndpointIsRefused) {
  for (const char* text :
       {"", "tcp", "tcp://", "tcp://localhost", "tcp://localhost:", "tcp://:5555", "tcp://a:70000", "tcp://a:65536",
        "tcp://a:-1", "tcp://a:12x", "tcp://a:x", "ipc://", "udp://239.1.1.1:5", "TCP://a:1", " tcp://a:1"}) {
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
}

}  // namespace
}  // namespace tapedeck::transport
