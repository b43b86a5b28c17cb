#include "engine/transport/pgm_stream.h"

#include <gmock/gmock.h>

#include "tests/engine/transport/hostile_bytes.h"

namespace tapedeck::transport {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kPacketBytes = 64;
constexpr uint64_t kSender = 1;

std::vector<std::byte> message_of(size_t size) {
  std::vector<std::byte> message(size);
  for (size_t i = 0; i < size; ++i) message[i] = static_cast<std::byte>(size + i);
  return message;
}

std::string text_of(std::initializer_list<int> bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<std::vector<std::byte>> messages_of_many_sizes() {
  std::vector<std::vector<std::byte>> messages;
  for (size_t size = 0; size < 400; ++size) messages.push_back(message_of(size));
  return messages;
}

class PgmStream : public testing::Test {
 protected:
  std::vector<std::string> write(const std::vector<std::vector<std::byte>>& messages) {
    std::vector<std::string> packets;
    PgmStreamWriter writer(kPacketBytes, [&](core::Bytes packet) {
      packets.emplace_back(core::as_text(packet));
      return true;
    });
    for (const auto& message : messages) EXPECT_TRUE(writer.add(message));
    EXPECT_TRUE(writer.flush());
    return packets;
  }
  void read(std::string_view packet, uint64_t sender = kSender) { reader_.add(sender, core::as_bytes(packet)); }

  std::vector<std::vector<std::byte>> read_;
  PgmStreamReader reader_{[this](core::Bytes message) { read_.emplace_back(message.begin(), message.end()); }};
};

TEST_F(PgmStream, IsThatOfLibzmq) {
  EXPECT_THAT(write({message_of(3)}), ElementsAre(text_of({0, 0, 4, 0, 3, 4, 5})));
  const std::vector<std::string> packets = write({message_of(300)});
  ASSERT_THAT(packets, SizeIs(5));
  EXPECT_EQ(text_of({0, 0, 0xff, 0, 0, 0, 0, 0, 0, 1, 45, 0, 44, 45}), packets[0].substr(0, 14));
  EXPECT_EQ(text_of({0xff, 0xff}), packets[1].substr(0, 2));
}

TEST_F(PgmStream, GivesEveryMessageBack) {
  const auto messages = messages_of_many_sizes();
  for (const std::string& packet : write(messages)) {
    EXPECT_LE(packet.size(), kPacketBytes);
    read(packet);
  }
  EXPECT_EQ(messages, read_);
}

TEST_F(PgmStream, BeginsWithAWholeMessageWhereverItIsJoined) {
  const auto messages = messages_of_many_sizes();
  const std::vector<std::string> packets = write(messages);
  for (size_t from = 0; from < packets.size(); from += 7) {
    reader_.lost(kSender);
    read_.clear();
    for (size_t i = from; i < packets.size(); ++i) read(packets[i]);
    ASSERT_LE(read_.size(), messages.size());
    EXPECT_THAT(read_, ElementsAreArray(messages.end() - static_cast<std::ptrdiff_t>(read_.size()), messages.end()));
  }
}

TEST_F(PgmStream, KeepsSendersApart) {
  const std::vector<std::string> packets = write({message_of(100)});
  ASSERT_THAT(packets, SizeIs(2));
  read(packets[0], 1);
  read(packets[0], 2);
  read(packets[1], 1);
  reader_.lost(2);
  read(packets[1], 2);
  EXPECT_THAT(read_, ElementsAre(message_of(100)));
}

TEST_F(PgmStream, LeavesOutWhatIsMalformedAndJoinsAgain) {
  const std::string sound = write({message_of(3)})[0];
  read(text_of({0x70, 0, 'a', 'b'}));                         // the first message is behind its end
  read(text_of({0}));                                         // too short
  read(text_of({0, 0, 0}));                                   // a size without the byte of flags
  read(text_of({0, 0, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0}));  // larger than any message
  EXPECT_THAT(read_, IsEmpty());
  read(sound);
  EXPECT_THAT(read_, ElementsAre(message_of(3)));
}

TEST_F(PgmStream, TakesPacketsOfAnyOrigin) {
  const std::string packet = write({message_of(20), message_of(25)})[0];
  uint64_t sender = 0;
  bombard(core::as_bytes(packet), 3, [&](core::Bytes bytes) { reader_.add(sender++ / 3, bytes); });
}

TEST_F(PgmStream, EndsWhenSendingDoes) {
  PgmStreamWriter writer(kPacketBytes, [](core::Bytes) { return false; });
  EXPECT_TRUE(writer.flush()) << "nothing to send";
  EXPECT_TRUE(writer.add(message_of(3)));
  EXPECT_FALSE(writer.flush());
  EXPECT_FALSE(writer.add(message_of(kPacketBytes)));
}

}  // namespace
}  // namespace tapedeck::transport
