#include "engine/transport/multicast.h"

#include <gtest/gtest.h>

namespace tapedeck::transport {
namespace {

MulticastOptions with_rate(uint64_t bit_per_s) { return {.rate_bit_per_s = bit_per_s}; }

core::Result<MulticastSettings> settle(const char* endpoint, const MulticastOptions& options = {}) {
  return settle(*parse_endpoint(endpoint), options);
}

void expect_refused(const char* endpoint, const MulticastOptions& options, std::string_view reason) {
  const auto settings = settle(endpoint, options);
  ASSERT_FALSE(settings) << reason;
  EXPECT_EQ(settings.error().code, core::ExitCode::kUsage);
  EXPECT_NE(settings.error().message.find(reason), std::string::npos) << settings.error().message;
}

TEST(Multicast, AnInterfaceThatIsNotThereIsNamedWithThoseThatAre) {
  expect_refused("udp://239.1.1.1:5@nowhere0", {}, "no network interface is called 'nowhere0'");
  expect_refused("udp://239.1.1.1:5@nowhere0", {}, "lo");
  expect_refused("udp://239.1.1.1:5@192.0.2.77", {}, "'192.0.2.77'");
}

TEST(Multicast, WithoutAnInterfaceAndAPlanWhatIsMissingIsSaid) {
  expect_refused("udp://239.1.1.1:5", {}, "udp://239.1.1.1:5@NIC");
}

// Loopback is there on every machine, though without multicast.
TEST(Multicast, AnInterfaceWithoutMulticastIsRefused) {
  expect_refused("udp://239.1.1.1:5@lo", {}, "does not do multicast");
  expect_refused("pgm://239.1.1.1:5@127.0.0.1", {}, "does not do multicast");
}

struct OnAnInterface : testing::Test {
  const Endpoint udp = *parse_endpoint("udp://239.1.1.1:5@x0");
  const Endpoint pgm = *parse_endpoint("pgm://239.1.1.1:5@x0");
  const Endpoint epgm = *parse_endpoint("epgm://239.1.1.1:5@x0");
  topology::Nic nic{.name = "x0",
                    .speed_mbit_per_s = 1000,
                    .mtu_bytes = 1500,
                    .up = true,
                    .hardware = true,
                    .multicast = true,
                    .addresses = {"fe80::1", "10.0.0.9"}};
  void expect_refused_on_it(const Endpoint& endpoint, const MulticastOptions& options, std::string_view reason) const {
    const auto settings = settle_on(nic, endpoint, options);
    ASSERT_FALSE(settings) << reason;
    EXPECT_NE(settings.error().message.find(reason), std::string::npos) << settings.error().message;
  }
};

TEST_F(OnAnInterface, TheDefaultsFollowFromIt) {
  const auto settings = settle_on(nic, udp, {});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->interface, "10.0.0.9");
  EXPECT_EQ(settings->rate_bit_per_s, 1'000'000'000u);
  EXPECT_EQ(settings->datagram_bytes, 1472u);
}

TEST_F(OnAnInterface, PgmKeepsAWindowOfTheSizeThatItCanSendFastFrom) {
  EXPECT_EQ(settle_on(nic, pgm, {})->window_bytes, 12'500'000u);
  EXPECT_EQ(settle_on(nic, pgm, {})->recovery_ns, 100'000'000);
  EXPECT_EQ(settle_on(nic, pgm, with_rate(100'000'000))->recovery_ns, 1'000'000'000);
  EXPECT_EQ(settle_on(nic, pgm, {.recovery_ns = 1'000'000'000})->window_bytes, 125'000'000u);
}

TEST_F(OnAnInterface, AMessageOnPgmHasEightKibibytesAtMostWhateverThePackets) {
  EXPECT_EQ(settle_on(nic, pgm, {})->datagram_bytes, 8192u);
  EXPECT_EQ(settle_on(nic, epgm, {})->datagram_bytes, 8192u);
  EXPECT_EQ(settle_on(nic, pgm, {.message_bytes = 1444})->datagram_bytes, 1444u);
  nic.mtu_bytes = 9000;
  EXPECT_EQ(settle_on(nic, pgm, {})->datagram_bytes, 8192u);
  EXPECT_EQ(settle_on(nic, udp, {})->datagram_bytes, 8972u);
  expect_refused_on_it(pgm, {.message_bytes = 8193}, "not 8193");
  expect_refused_on_it(udp, {.message_bytes = 1000}, "for pgm and epgm");
}

TEST_F(OnAnInterface, WhatItCannotDoIsRefused) {
  expect_refused_on_it(udp, with_rate(1'000'000'001), "more than x0 can send");
  expect_refused_on_it(udp, with_rate(1), "too low");
  expect_refused_on_it(udp, {.mtu_bytes = 1501}, "larger than the MTU of x0");
  expect_refused_on_it(udp, {.mtu_bytes = 100}, "less than 576");
  expect_refused_on_it(udp, {.hops = 0}, "1 to 255 hops");
  expect_refused_on_it(udp, {.hops = 256}, "1 to 255 hops");
  expect_refused_on_it(pgm, {.recovery_ns = 60'000'000'000}, "of memory");
  expect_refused_on_it(pgm, {.recovery_ns = 10}, "at least 1 ms");
  nic.hardware = false;  // what a virtual interface says of its speed is no limit
  EXPECT_TRUE(settle_on(nic, udp, with_rate(1'000'000'001)));
  nic.addresses = {"fe80::1"};
  expect_refused_on_it(udp, {}, "no IPv4 address");
  nic.up = false;
  expect_refused_on_it(udp, {}, "is down");
}

}  // namespace
}  // namespace tapedeck::transport
