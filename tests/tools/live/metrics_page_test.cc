#include "tools/live/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "tools/live/live_view.h"

namespace tapedeck::tools {
namespace {

using ::testing::HasSubstr;

Figures some_figures() {
  return {.parts = {{.name = "shard 0", .messages = 40, .bytes = 4000, .queued = 3, .held_back_ns = 1'500'000'000},
                    {.name = "shard 1", .messages = 2, .bytes = 200}},
          .peers = 7,
          .slowest = {}};
}

TEST(Figures, TheTotalLeavesOutWhatIsCountedTwice) {
  Figures figures = some_figures();
  figures.parts.push_back({.name = "sub 0", .messages = 42, .bytes = 4200, .queued = 5, .in_total = false});
  const Figures::Part total = total_of(figures);
  EXPECT_EQ(total.messages, 42u);
  EXPECT_EQ(total.bytes, 4200u);
  EXPECT_EQ(total.queued, 8u);
}

TEST(MetricsPage, HasAValueForEachPart) {
  MetricsPage page("replay");
  page.update(some_figures());
  const std::string text = page.text();
  EXPECT_THAT(text, HasSubstr("# TYPE tapedeck_messages_total counter\n"));
  EXPECT_THAT(text, HasSubstr("tapedeck_messages_total{role=\"replay\",part=\"shard 0\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("tapedeck_messages_total{role=\"replay\",part=\"shard 1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("tapedeck_queued_frames{role=\"replay\",part=\"shard 0\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("tapedeck_held_back_seconds_total{role=\"replay\",part=\"shard 0\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("tapedeck_peers{role=\"replay\"} 7\n"));
}

TEST(MetricsPage, IsServedWhereItSays) {
  MetricsPage page("replay");
  const auto address = page.open("127.0.0.1:0");
  ASSERT_TRUE(address) << address.error().message;
  page.update(some_figures());
  const size_t path = address->rfind('/');
  const auto answer = httplib::Client(address->substr(0, path)).Get(address->substr(path));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, page.text());
}

TEST(MetricsPage, AddressesThatCannotBeAreRefused) {
  for (const char* bad : {"", "9100", ":9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:1,2"}) {
    const auto address = MetricsPage("replay").open(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code, core::ExitCode::kUsage) << bad;
  }
  MetricsPage first("replay");
  const auto address = first.open("127.0.0.1:0");
  const std::string host_and_port = address->substr(7, address->rfind('/') - 7);
  EXPECT_FALSE(MetricsPage("replay").open(host_and_port)) << "in use";
}

}  // namespace
}  // namespace tapedeck::tools
