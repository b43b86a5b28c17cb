#include "engine/blackbox/topic_index.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace tapedeck::blackbox {
namespace {

// All names with topics, in lanes as their ids.
TopicIndex index_of(const std::vector<std::string>& names) {
  TopicIndex index;
  for (uint32_t id = 0; id < names.size(); ++id) {
    add_topic(index, names[id], core::TopicId(id), core::Lane(static_cast<uint16_t>(id)));
  }
  return index;
}

// As it stands in a message: something else follows.
IndexedTopic* find(TopicIndex& index, const std::string& name) {
  const std::string message = name + std::string(TopicName::kReadable, 'x');
  return index.find(TopicName(std::string_view(message).substr(0, name.size())));
}

TEST(TopicIndex, FindsNamesOfEveryLengthAndWhatIsKeptOfThem) {
  std::vector<std::string> names;
  for (size_t size = 1; size <= 40; ++size) names.push_back(std::string(size, 'n'));
  TopicIndex index = index_of(names);
  for (uint32_t id = 0; id < names.size(); ++id) {
    IndexedTopic* const topic = find(index, names[id]);
    ASSERT_NE(topic, nullptr) << names[id];
    EXPECT_EQ(topic->id, core::TopicId(id));
    EXPECT_EQ(topic->lane, core::Lane(static_cast<uint16_t>(id)));
    topic->next_sequence = id + 100;
  }
  for (uint32_t id = 0; id < names.size(); ++id) EXPECT_EQ(find(index, names[id])->next_sequence, id + 100);
}

TEST(TopicIndex, TellsNamesApartByTheirLastByteAndByTheirLength) {
  const std::string front = "sixteen bytes...";
  const std::vector<std::string> names = {"A", "B", front, front + "1", front + "2"};
  TopicIndex index = index_of(names);
  for (uint32_t id = 0; id < names.size(); ++id) EXPECT_EQ(find(index, names[id])->id, core::TopicId(id)) << names[id];
  for (const std::string& other : {std::string("AB"), std::string("C"), front.substr(1), front + "3", front + "11"}) {
    EXPECT_EQ(find(index, other), nullptr) << other;
  }
}

TEST(TopicIndex, ANameWithTrailingNulsIsAnotherThanTheShorterOne) {
  const std::vector<std::string> names = {"A"};
  TopicIndex index = index_of(names);
  EXPECT_EQ(find(index, std::string("A\0", 2)), nullptr);
}

TEST(TopicIndex, FindsEachOfMany) {
  std::vector<std::string> names;
  for (int i = 0; i < 50'000; ++i) names.push_back(fmt::format("FEED/{}", i));
  TopicIndex index = index_of(names);
  for (uint32_t id = 0; id < names.size(); ++id) ASSERT_EQ(find(index, names[id])->id, core::TopicId(id));
  EXPECT_EQ(find(index, "FEED/50000"), nullptr);
}

TEST(TopicIndex, KeepsTheFirstOfANameAndLeavesOutTheEmptyOne) {
  const std::vector<std::string> names = {"", "A", "A"};
  TopicIndex index = index_of(names);
  EXPECT_EQ(find(index, "A")->id, core::TopicId(1));
  EXPECT_EQ(find(index, ""), nullptr);
}

TEST(TopicIndex, OfNoNamesFindsNothing) {
  TopicIndex index;
  EXPECT_EQ(find(index, "A"), nullptr);
}

}  // namespace
}  // namespace tapedeck::blackbox
