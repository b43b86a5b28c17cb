// A disk that is full: played by a limit on the size of files, which the system enforces on write().
#include <signal.h>
#include <sys/resource.h>

#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

class WriteErrorTest : public TapeTest {
 protected:
  // Appends messages until one is refused, and gives those that were accepted.
  static std::vector<Message> append_until_refused(TapeWriter& tape, TopicId topic, size_t count) {
    std::vector<Message> accepted;
    for (const Message& m : some_messages(count, 2)) {
      const core::Status appended = tape.append(Lane(m.lane), {.capture_time = Nanos(m.time_ns),
                                                               .source_time = Nanos(m.source_time_ns),
                                                               .topic = topic,
                                                               .ordinal = Ordinal(m.ordinal),
                                                               .payload = core::as_bytes(m.payload)});
      if (!appended) {
        EXPECT_THAT(appended.error().message, ::testing::HasSubstr("cannot write"));
        return accepted;
      }
      accepted.push_back(m);
      accepted.back().topic = tape.topic_name(topic);
    }
    return accepted;
  }

  const fs::path path_ = folder_ / "t";
  const TapeOptions options_ = {.lanes = 2, .block_bytes = 4096};
};

TEST_F(WriteErrorTest, LeavesATapeThatIsReadableUpToItsLastWholeBlockAndSaysThatItIsNotSealed) {
  std::vector<Message> accepted;
  {
    auto tape = TapeWriter::create(path_, options_);
    ASSERT_TRUE(tape);
    const TopicId topic = tape->add_topic("T");
    const FileSizeLimit limit(30'000);
    accepted = append_until_refused(*tape, topic, 10'000);
    ASSERT_LT(accepted.size(), 10'000u);
    EXPECT_EQ(tape->records(), accepted.size());
    const Lane refused(some_messages(10'000, 2)[accepted.size()].lane);
    EXPECT_FALSE(tape->append(refused, {.topic = topic}));
    EXPECT_FALSE(tape->seal()) << "a block could not be written";
  }
  const auto tape = TapeReader::open(path_);
  ASSERT_TRUE(tape) << tape.error().message;
  EXPECT_FALSE(tape->manifest().sealed);
  EXPECT_FALSE(tape->damage().empty());
  EXPECT_EQ(verify(*tape)->damaged_blocks, 0u) << "half of a block was left";
  const Lanes expected = by_lane(accepted);
  for (const auto& [lane, messages] : read_lanes(*tape)) {
    ASSERT_GT(messages.size(), 50u);
    for (size_t i = 0; i < messages.size(); ++i) ASSERT_EQ(messages[i], expected.at(lane)[i]);
  }
}

TEST_F(WriteErrorTest, LosesNothingThatWasAcceptedWhenThereIsRoomAgain) {
  auto tape = TapeWriter::create(path_, options_);
  ASSERT_TRUE(tape);
  const TopicId topic = tape->add_topic("T");
  std::vector<Message> accepted;
  {
    const FileSizeLimit limit(30'000);
    accepted = append_until_refused(*tape, topic, 10'000);
    EXPECT_FALSE(tape->flush_due() && tape->seal()) << "refused as well";
  }
  Message last = accepted.back();
  ++last.ordinal;
  ASSERT_TRUE(tape->append(Lane(last.lane), {.capture_time = Nanos(last.time_ns),
                                             .source_time = Nanos(last.source_time_ns),
                                             .topic = topic,
                                             .ordinal = Ordinal(last.ordinal),
                                             .payload = core::as_bytes(last.payload)}));
  accepted.push_back(last);
  ASSERT_TRUE(tape->seal());
  EXPECT_EQ(read_in_order(open_sound(path_)), accepted);
  EXPECT_TRUE(verify_at(path_).clean());
}

TEST_F(WriteErrorTest, LosesNothingWhereAThreadWritesTheBlocks) {
  TapeOptions options = options_;
  options.queue_blocks = 3;
  auto tape = TapeWriter::create(path_, options);
  ASSERT_TRUE(tape);
  const TopicId topic = tape->add_topic("T");
  std::vector<Message> accepted;
  {
    const FileSizeLimit limit(30'000);
    accepted = append_until_refused(*tape, topic, 10'000);
    ASSERT_LT(accepted.size(), 10'000u);
    EXPECT_EQ(tape->records(), accepted.size());
    EXPECT_FALSE(tape->seal());
  }
  ASSERT_TRUE(tape->seal());
  EXPECT_EQ(read_in_order(open_sound(path_)), accepted);
  EXPECT_TRUE(verify_at(path_).clean());
}

TEST_F(WriteErrorTest, LeavesNoSegmentWhoseHeaderDidNotFit) {
  auto tape = TapeWriter::create(path_, options_);
  ASSERT_TRUE(tape);
  const TopicId topic = tape->add_topic("T");
  ASSERT_TRUE(tape->append(Lane(0), {.topic = topic, .payload = core::as_bytes("kept")}));
  {
    const FileSizeLimit limit(10);
    EXPECT_FALSE(tape->seal());
    EXPECT_FALSE(tape->note_loss({.count = 1}));
  }
  EXPECT_EQ(files_in(path_), std::vector<fs::path>{path_ / kManifestName});
  ASSERT_TRUE(tape->note_loss({.count = 1}));
  ASSERT_TRUE(tape->seal());
  const std::vector<Message> messages = read_in_order(open_sound(path_));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].payload, "kept");
  EXPECT_EQ(open_sound(path_).manifest().gaps, 1u);
}

TEST_F(WriteErrorTest, KeepsLossesThatCouldNotBeWritten) {
  auto tape = TapeWriter::create(path_, options_);
  ASSERT_TRUE(tape);
  ASSERT_TRUE(tape->note_loss({.count = 1}));
  uint64_t accepted = 1;
  {
    const FileSizeLimit limit(1000);
    while (tape->note_loss({.count = 1})) ++accepted;
    EXPECT_FALSE(tape->seal());
    EXPECT_EQ(tape->gaps(), accepted);
  }
  ASSERT_TRUE(tape->seal());
  EXPECT_EQ(open_sound(path_).losses()->size(), accepted);
}

}  // namespace
}  // namespace tapedeck::tape
