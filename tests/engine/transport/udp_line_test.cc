#include "engine/transport/udp_line.h"

#include <gtest/gtest.h>

namespace tapedeck::transport {
namespace {

// More than the system gives anybody.
MulticastSettings with_a_huge_buffer() {
  return {.group = "239.255.7.7", .port = "0", .nic = "lo", .interface = "127.0.0.1", .buffer_bytes = 4ull << 30};
}

TEST(UdpReceiver, ABufferThatIsTooSmallIsToldOnceAndNotWithEachRejoin) {
  core::Notices notices;
  const auto receiver = make_udp_receiver(with_a_huge_buffer(), notices);
  ASSERT_TRUE(receiver) << receiver.error().message;
  ASSERT_TRUE((*receiver)->rejoin());
  ASSERT_EQ(notices.all().size(), 1u);
  EXPECT_NE(notices.all().front().find("net.core.rmem_max"), std::string::npos) << notices.all().front();
}

}  // namespace
}  // namespace tapedeck::transport
