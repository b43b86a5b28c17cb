#include "engine/clone/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck::clone {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Why it cannot bind there; nothing where it can.
std::string refusal_at(uint16_t port) {
  const auto server = Server::bind({.port = port});
  return server ? "" : server.error().message;
}

TEST(Server, TheLastOfItsThreePortsMayBeTheLastThereIs) {
  EXPECT_THAT(refusal_at(65'533), Not(HasSubstr("leaves no room")));
  EXPECT_THAT(refusal_at(65'534), HasSubstr("leaves no room"));
  EXPECT_THAT(refusal_at(65'535), HasSubstr("leaves no room"));
}

TEST(Server, TakesNoLongerValuesThanItsClients) {
  EXPECT_TRUE(Server::bind({.limits = {.value_bytes_max = kValueBytesMax}}));
  EXPECT_EQ(Server::bind({.limits = {.value_bytes_max = kValueBytesMax + 1}}).error().code, core::ExitCode::kUsage);
}

}  // namespace
}  // namespace tapedeck::clone
