#include "engine/clone/replica.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tapedeck::clone {
namespace {

using Step = Replica::Step;

// In step with a server at sequence 10, which has "/a/k" and "/b/k".
Replica joined(const std::string& subtree = {}, std::optional<uint64_t> stop_at = std::nullopt) {
  Replica replica(subtree, stop_at);
  replica.expect_snapshot();
  replica.add({.key = "/a/k", .sequence = 3, .value = "1"});
  replica.add({.key = "/b/k", .sequence = 4, .value = "1"});
  replica.finish({.key = kEnd, .sequence = 10});
  return replica;
}

Step heartbeat(Replica& replica, std::string_view instance, uint64_t last, std::string_view more = {}) {
  const std::string properties = fmt::format("instance={}\nlast={}\n{}", instance, last, more);
  return replica.on_published({.key = kHeartbeat, .properties = properties});
}

TEST(Replica, AppliesWhatIsNewAndDropsWhatTheSnapshotHad) {
  Replica replica = joined();
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 9, .value = "old"}), Step::kNothing);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 10, .value = "old"}), Step::kNothing);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 11, .value = "new"}), Step::kApplied);
  EXPECT_EQ(replica.on_published({.key = "/b/k", .sequence = 12, .value = {}}), Step::kApplied);
  EXPECT_EQ(replica.table().find("/a/k")->value, "new");
  EXPECT_EQ(replica.table().find("/b/k"), nullptr);
  EXPECT_EQ(replica.sequence(), 12u);
}

TEST(Replica, SeesAHoleAlsoBehindTheSnapshotAndInAHeartbeat) {
  Replica first = joined();
  EXPECT_EQ(first.on_published({.key = "/a/k", .sequence = 12, .value = "x"}), Step::kHole);
  EXPECT_EQ(first.table().find("/a/k")->value, "1");
  Replica second = joined();
  EXPECT_EQ(heartbeat(second, "a", 10), Step::kNothing);
  EXPECT_EQ(heartbeat(second, "a", 11), Step::kHole);
  Replica third = joined();
  EXPECT_EQ(third.on_published({.key = kHeartbeat, .sequence = 11}), Step::kHole);  // as the reference has it
}

TEST(Replica, OfASubtreeSeesAHoleByThePreviousUpdateInIt) {
  Replica replica = joined("/a/");
  EXPECT_EQ(replica.table().find("/b/k"), nullptr);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 20, .properties = "previous.3=8\n", .value = "x"}),
            Step::kApplied);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 30, .properties = "previous.3=20\n", .value = "y"}),
            Step::kApplied);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 50, .properties = "previous.3=40\n", .value = "z"}),
            Step::kHole);
}

TEST(Replica, OfASubtreeSeesAHoleWhereTheUpdateBeforeIsNoLongerTold) {
  Replica replica = joined("/a/");
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 11, .value = "x"}), Step::kApplied);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 20, .properties = "previous.3=11\n", .value = "x"}),
            Step::kApplied);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 30, .value = "y"}), Step::kHole);
  replica.expect_snapshot();
  replica.finish({.key = kEnd, .sequence = 30});
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 31, .value = "z"}), Step::kApplied);
}

TEST(Replica, KnowsASnapshotOfTheVeryStateThatItHas) {
  Replica replica;
  replica.expect_snapshot();
  replica.finish({.key = kEnd, .sequence = 10, .properties = "instance=a\n"});
  replica.forget_server();
  EXPECT_TRUE(replica.has_state_of({.key = kEnd, .sequence = 10, .properties = "instance=a\n"}));
  EXPECT_FALSE(replica.has_state_of({.key = kEnd, .sequence = 11, .properties = "instance=a\n"}));
  EXPECT_FALSE(replica.has_state_of({.key = kEnd, .sequence = 10, .properties = "instance=b\n"}));
}

TEST(Replica, OfASubtreeSeesInAHeartbeatThatItHasMissedTheLastUpdate) {
  Replica replica = joined("/a/");
  EXPECT_EQ(heartbeat(replica, "a", 12, "last./a/=10\nlast./b/=12\nsince=0\n"), Step::kNothing);
  EXPECT_EQ(replica.sequence(), 12u);
  EXPECT_EQ(heartbeat(replica, "a", 14, "last./b/=14\nlast./a/=13\nsince=0\n"), Step::kHole);
  EXPECT_EQ(replica.sequence(), 12u);
}

TEST(Replica, OfASubtreeGoesNoFurtherThanAHeartbeatTellsOfIt) {
  Replica replica = joined("/a/");
  EXPECT_EQ(heartbeat(replica, "a", 12), Step::kNothing);
  EXPECT_EQ(heartbeat(replica, "a", 12, "last./b/=12\nsince=11\n"), Step::kNothing);
  EXPECT_EQ(replica.sequence(), 10u);
  EXPECT_EQ(heartbeat(replica, "a", 12, "last./b/=12\nsince=10\n"), Step::kNothing);
  EXPECT_EQ(replica.sequence(), 12u);
}

TEST(Replica, OfASubtreeTrustsAServerThatTellsNothingOfSubtrees) {
  Replica replica = joined("/a/");
  EXPECT_EQ(replica.on_published({.key = kHeartbeat, .sequence = 25}), Step::kNothing);
  EXPECT_EQ(replica.sequence(), 25u);
}

TEST(Replica, OfASubtreeFollowsTheHeartbeatsSequence) {
  Replica replica = joined("/a/");
  EXPECT_EQ(heartbeat(replica, "a", 25, "since=0\n"), Step::kNothing);
  EXPECT_EQ(replica.sequence(), 25u);
  EXPECT_EQ(replica.on_published({.key = "HUGZ2", .sequence = 26, .properties = "instance=a\n", .value = "not ours"}),
            Step::kNothing);
  EXPECT_EQ(replica.table().size(), 1u);
}

TEST(Replica, TellsAnotherServerApart) {
  Replica by_instance = joined();
  EXPECT_EQ(heartbeat(by_instance, "a", 10), Step::kNothing);
  EXPECT_EQ(heartbeat(by_instance, "b", 10), Step::kOtherServer);
  Replica by_sequence = joined();
  EXPECT_EQ(by_sequence.on_published({.key = "/a/k", .sequence = 11, .value = "x"}), Step::kApplied);
  EXPECT_EQ(by_sequence.on_published({.key = "/a/k", .sequence = 1, .value = "x"}), Step::kOtherServer);
  by_sequence.forget_server();
  EXPECT_EQ(by_sequence.on_published({.key = "/a/k", .sequence = 2, .value = "x"}), Step::kNothing);
}

TEST(Replica, TellsAnotherServerApartByItsFirstUpdateThoughTheSequenceFits) {
  Replica replica = joined();
  EXPECT_EQ(heartbeat(replica, "a", 10), Step::kNothing);
  const auto update = [&](std::string_view instance, uint64_t sequence) {
    const std::string properties = fmt::format("instance={}\n", instance);
    return replica.on_published({.key = "/a/k", .sequence = sequence, .properties = properties, .value = "x"});
  };
  EXPECT_EQ(update("a", 11), Step::kApplied);
  EXPECT_EQ(update("b", 12), Step::kOtherServer);
  EXPECT_EQ(replica.on_published({.key = "/a/k", .sequence = 12, .value = "x"}), Step::kOtherServer);
  EXPECT_EQ(replica.sequence(), 11u);
}

TEST(Replica, TakesASnapshotOfAnotherServerAndNothingMoreOfTheOneBefore) {
  Replica replica = joined();
  EXPECT_EQ(heartbeat(replica, "a", 10), Step::kNothing);
  replica.expect_snapshot();
  replica.finish({.key = kEnd, .sequence = 2, .properties = "instance=b\n"});
  EXPECT_EQ(heartbeat(replica, "b", 2), Step::kNothing);
  EXPECT_EQ(heartbeat(replica, "a", 11), Step::kOtherServer);
}

TEST(Replica, KeepsItsTableUntilTheNextSnapshotIsComplete) {
  Replica replica = joined();
  replica.expect_snapshot();
  replica.add({.key = "/c/k", .value = "1"});
  EXPECT_FALSE(replica.synced());
  EXPECT_EQ(replica.table().size(), 2u);
  replica.finish({.key = kEnd, .sequence = 20});
  EXPECT_EQ(replica.table().size(), 1u);
  EXPECT_EQ(replica.sequence(), 20u);
}

TEST(Replica, StopsAtASequence) {
  Replica all = joined({}, 11);
  EXPECT_FALSE(all.stopped());
  EXPECT_EQ(all.on_published({.key = "/a/k", .sequence = 11, .value = "x"}), Step::kApplied);
  EXPECT_TRUE(all.stopped());
  EXPECT_EQ(all.on_published({.key = "/a/k", .sequence = 12, .value = "y"}), Step::kNothing);
  EXPECT_EQ(all.table().find("/a/k")->value, "x");
  Replica subtree = joined("/a/", 15);
  EXPECT_EQ(subtree.on_published({.key = "/a/k", .sequence = 16, .value = "y"}), Step::kNothing);
  EXPECT_TRUE(subtree.stopped());
  EXPECT_EQ(subtree.table().find("/a/k")->value, "1");
  EXPECT_TRUE(joined({}, 9).too_late());
  EXPECT_TRUE(joined({}, 10).stopped());
}

}  // namespace
}  // namespace tapedeck::clone
