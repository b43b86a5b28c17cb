#include "engine/clone/pending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PendingTest : public ::testing::Test {
 protected:
  void add(const std::string& key, const std::string& value) {
    Pending::Updates updates;
    updates.push_back({.key = key, .value = value, .give_up_ns = INT64_MAX});
    pending_.add(updates);
  }
  // What is sent at that time.
  std::vector<std::string> send(int64_t now_ns, size_t value_bytes_max = SIZE_MAX) {
    std::vector<std::string> sent;
    pending_.send(now_ns, value_bytes_max, [&](const Message& message) {
      sent.push_back(fmt::format("{}={}", message.key, message.value));
      uuids_[sent.back()] = message.uuid;
      return true;
    });
    return sent;
  }

  Pending pending_;
  std::map<std::string, std::string> uuids_;
};

TEST_F(PendingTest, SendsAgainWhatIsLost) {
  add("a", "1");
  add("b", "1");
  EXPECT_THAT(send(1), ElementsAre("a=1", "b=1"));
  EXPECT_THAT(send(2), IsEmpty());
  EXPECT_THAT(send(core::kSecond_ns), ElementsAre("a=1", "b=1"));
}

TEST_F(PendingTest, NeverSendsAgainOverALaterOneOfTheSameKey) {
  add("a", "1");
  add("b", "1");
  add("a", "2");
  EXPECT_THAT(send(1), ElementsAre("a=1", "b=1", "a=2"));
  EXPECT_THAT(send(core::kSecond_ns), ElementsAre("b=1", "a=2"));
  pending_.start_over();
  add("a", "3");
  EXPECT_THAT(send(core::kSecond_ns + 1), ElementsAre("b=1", "a=2", "a=3"));
}

TEST_F(PendingTest, SendsAgainWhereTheLaterOneWasRefused) {
  add("a", "1");
  add("a", "2");
  EXPECT_THAT(send(1), ElementsAre("a=1", "a=2"));
  EXPECT_THAT(send(core::kSecond_ns), ElementsAre("a=2"));
  pending_.refuse(uuids_["a=2"], "value");
  EXPECT_THAT(send(2 * core::kSecond_ns), ElementsAre("a=1"));
}

TEST_F(PendingTest, DoesNotSendWhatIsTooLongNorSendItAgain) {
  add("a", "12");
  EXPECT_THAT(send(1), ElementsAre("a=12"));
  add("b", "12");
  add("c", "1");
  EXPECT_THAT(send(core::kSecond_ns, 1), ElementsAre("c=1"));
}

}  // namespace
}  // namespace tapedeck::clone
