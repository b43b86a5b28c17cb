#include "engine/tape/ordered_merge.h"

#include <random>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

class OrderedMergeTest : public TapeTest {
 protected:
  // Writes the messages in this order, and expects them back in it.
  void expect_order_kept(const std::vector<Message>& messages, uint32_t block_bytes = 4096) {
    const std::filesystem::path path = folder_ / std::to_string(tapes_++);
    TapeMaker tape(path, {.lanes = 8, .block_bytes = block_bytes});
    tape.add(messages);
    tape.seal();
    EXPECT_EQ(read_in_order(open_sound(path)), messages);
  }

  int tapes_ = 0;
};

Message message(uint16_t lane, uint64_t time_ns, uint32_t source, uint64_t ordinal) {
  return {.lane = lane,
          .topic = "T",
          .payload = fmt::format("source {} ordinal {}", source, ordinal),
          .time_ns = time_ns,
          .ordinal = ordinal,
          .source = source,
          .source_time_ns = 0};
}

TEST_F(OrderedMergeTest, KeepsTiesInTheOrderOfArrival) {
  std::vector<Message> messages;
  for (uint64_t i = 0; i < 500; ++i) messages.push_back(message(static_cast<uint16_t>(i * i % 8), 1000, 0, i));
  expect_order_kept(messages);
}

TEST_F(OrderedMergeTest, KeepsTheOrderOfArrivalWhenTheClockStepsBack) {
  std::mt19937 random(1);
  std::vector<Message> messages;
  for (uint64_t i = 0; i < 500; ++i) {
    messages.push_back(message(static_cast<uint16_t>(random() % 8), random() % 1000, 0, i));
  }
  expect_order_kept(messages);
}

TEST_F(OrderedMergeTest, TakesTheSourceThatIsDueFirstAndAmongEqualsTheLowerNumber) {
  expect_order_kept({message(0, 10, 0, 0), message(1, 10, 1, 0), message(2, 15, 1, 1), message(0, 20, 0, 1),
                     message(1, 12, 0, 2),  // its source's clock stepped back: due at 20
                     message(3, 20, 1, 2), message(0, 30, 0, 3)});
}

// Two sources whose messages arrive in order of the running maximum, spread over lanes, some of them missing.
std::vector<Message> random_arrivals(uint32_t seed, bool with_gaps) {
  std::mt19937 random(seed);
  const auto one_of = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::vector<Message> messages;
  uint64_t due_ns[2] = {0, 0};
  uint64_t ordinal[2] = {0, 0};
  while (messages.size() < 400) {
    // The clock of a source goes on by up to 20, or steps back. The source that is due first comes first.
    const uint32_t source = due_ns[0] <= due_ns[1] ? 0 : 1;
    const uint64_t time_ns =
        one_of(4) == 0 ? due_ns[source] - std::min<uint64_t>(due_ns[source], one_of(50)) : due_ns[source];
    if (with_gaps && one_of(10) == 0) ordinal[source] += 1 + one_of(3);
    messages.push_back(message(static_cast<uint16_t>(one_of(8)), time_ns, source, ordinal[source]++));
    due_ns[source] += one_of(20);
  }
  return messages;
}

// The order that a merge promises: by due time, source and ordinal.
std::vector<Message> in_promised_order(std::vector<Message> messages) {
  uint64_t time_max_ns[2] = {0, 0};
  std::vector<std::pair<uint64_t, Message>> due;
  for (const Message& m : messages) {
    time_max_ns[m.source] = std::max(time_max_ns[m.source], m.time_ns);
    due.emplace_back(time_max_ns[m.source], m);
  }
  std::stable_sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.first, a.second.source) < std::tuple(b.first, b.second.source);
  });
  for (size_t i = 0; i < due.size(); ++i) messages[i] = due[i].second;
  return messages;
}

TEST_F(OrderedMergeTest, MergesTwoSourcesAsItPromises) {
  for (uint32_t seed = 0; seed < 20; ++seed) expect_order_kept(in_promised_order(random_arrivals(seed, false)));
}

TEST_F(OrderedMergeTest, MergesTwoSourcesThoughOrdinalsAreMissing) {
  for (uint32_t seed = 0; seed < 20; ++seed) expect_order_kept(in_promised_order(random_arrivals(seed, true)));
}

TEST_F(OrderedMergeTest, GoesOnBehindAGapOfOneSourceWithoutWaitingForTheOther) {
  std::vector<Message> messages;
  for (uint64_t i = 0; i < 300; ++i) {
    messages.push_back(message(static_cast<uint16_t>(i % 3), i * 10, 0, i < 5 ? i : i + 1));
    messages.push_back(message(static_cast<uint16_t>(3 + i % 3), i * 10 + 5, 1, i));
  }
  expect_order_kept(messages);
}

TEST_F(OrderedMergeTest, KeepsEachSourceInOrderThoughOneFollowsTheOtherAndIsOlder) {
  // As from two files, one captured on the day before the other, and recorded in the wrong order.
  std::mt19937 random(5);
  TapeMaker tape(folder_ / "t", {.lanes = 4, .block_bytes = 4096});
  for (uint32_t source = 0; source < 2; ++source) {
    for (uint64_t i = 0; i < 1000; ++i) {
      tape.add(message(static_cast<uint16_t>(random() % 4), (source == 0 ? 1'000'000 : 0) + i, source, i));
    }
  }
  tape.seal();
  uint64_t next[2] = {0, 0};
  for (const Message& m : read_in_order(open_sound(folder_ / "t"))) ASSERT_EQ(m.ordinal, next[m.source]++);
  EXPECT_EQ(next[0] + next[1], 2000u);
}

TEST_F(OrderedMergeTest, GivesLaneAndSequenceOfEachRecord) {
  TapeMaker maker(folder_ / "t", {.lanes = 3, .block_bytes = 4096});
  maker.add(some_messages(300, 3));
  maker.seal();
  const TapeReader tape = open_sound(folder_ / "t");
  std::map<Lane, uint64_t> next;
  OrderedMerge merge(tape, [](const DamageReport& damage) { ADD_FAILURE() << to_sentence(damage); });
  while (const auto item = merge.next()) EXPECT_EQ(item->sequence.value, next[item->lane]++);
  EXPECT_EQ(next[Lane(0)] + next[Lane(1)] + next[Lane(2)], 300u);
}

TEST_F(OrderedMergeTest, LeavesOutADamagedBlockAndKeepsTheOrderOfTheRest) {
  std::mt19937 random(7);
  std::vector<Message> messages;
  for (uint64_t i = 0; i < 400; ++i) {
    messages.push_back(message(static_cast<uint16_t>(random() % 8), 1000 + i, i % 3 == 0 ? 1 : 0, i));
  }
  TapeMaker maker(folder_ / "t", {.lanes = 8, .block_bytes = 4096});
  maker.add(messages);
  maker.seal();
  const TapeReader sound = open_sound(folder_ / "t");
  const Segment& segment = sound.lanes()[2].segments[0];
  const BlockRef& block = segment.index.blocks[0];
  std::string bytes = load(segment.path);
  bytes[block.offset + kHeaderSize] ^= 1;
  store(segment.path, bytes);
  std::vector<Message> rest;
  uint64_t sequence = 0;
  for (const Message& m : messages) {
    const bool is_lost = m.lane == 2 && sequence++ < block.record_count;
    if (!is_lost) rest.push_back(m);
  }
  ASSERT_LT(rest.size(), messages.size());
  std::vector<DamageReport> damage;
  EXPECT_EQ(read_in_order(sound, damage), rest);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].records_lost, block.record_count);
}

}  // namespace
}  // namespace tapedeck::tape
