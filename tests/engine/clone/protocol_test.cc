#include "engine/clone/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/clone/messages.h"

namespace tapedeck::clone {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;

const std::string kSequence258 = "\0\0\0\0\0\0\1\2"s;
const std::string kZero(8, '\0');

// Byte for byte as docs/clone-protocol.md has them.
TEST(Protocol, FramesAreAsTheProtocolPageHasThem) {
  EXPECT_THAT(encode({.key = "/a/b",
                      .sequence = 258,
                      .uuid = "0123456789abcdef",
                      .properties = "instance=00000000000000ff\nttl=5\n",
                      .value = "v"}),
              ElementsAre("/a/b", kSequence258, "0123456789abcdef", "instance=00000000000000ff\nttl=5\n", "v"));
  EXPECT_THAT(encode({.key = kHeartbeat, .properties = "instance=00000000000000ff\nlast=258\n"}),
              ElementsAre("HUGZ", kZero, "", "instance=00000000000000ff\nlast=258\n", ""));
  EXPECT_THAT(encode({.key = kEnd, .sequence = 258, .value = "/a/"}),
              ElementsAre("KTHXBAI", kSequence258, "", "", "/a/"));
}

TEST(Protocol, DecodesWhatItEncodes) {
  const std::vector<std::string> frames = {"/a/b", kSequence258, "0123456789abcdef", "ttl=5\nx=\n", "v\0w"s};
  Message message;
  ASSERT_EQ(decode_frames(frames, message), Fault::kNone);
  EXPECT_EQ(message.key, "/a/b");
  EXPECT_EQ(message.sequence, 258u);
  EXPECT_EQ(message.uuid, "0123456789abcdef");
  EXPECT_EQ(property(message.properties, "ttl"), "5");
  EXPECT_EQ(property(message.properties, "x"), "");
  EXPECT_EQ(message.value, "v\0w"s);
}

TEST(Protocol, EachKindOfMalformedMessageHasItsFault) {
  Message message;
  EXPECT_EQ(decode_frames({}, message), Fault::kFrameCount);
  EXPECT_EQ(decode_frames({"k", kZero, "", ""}, message), Fault::kFrameCount);
  EXPECT_EQ(decode_frames({"k", kZero, "", "", "v", "w"}, message), Fault::kFrameCount);
  EXPECT_EQ(decode_frames({"k", "1234", "", "", "v"}, message), Fault::kSequenceWidth);
  EXPECT_EQ(decode_frames({"k", kZero + "0", "", "", "v"}, message), Fault::kSequenceWidth);
  EXPECT_EQ(decode_frames({"k", kZero, std::string(65, 'u'), "", "v"}, message), Fault::kUuidSize);
  EXPECT_EQ(decode_frames({"", kZero, "", "", "v"}, message), Fault::kKey);
  EXPECT_EQ(decode_frames({"a\0b"s, kZero, "", "", "v"}, message), Fault::kKey);
  EXPECT_EQ(decode_frames({std::string(kKeyBytesMax + 1, 'k'), kZero, "", "", "v"}, message), Fault::kKey);
  for (const auto& properties : {"ttl=5"s, "ttl\n"s, "=5\n"s, "\n"s, "a=b\n\nc=d\n"s, "a=\0\n"s,
                                 std::string(kPublishedPropertiesBytesMax, 'a') + "=\n"}) {
    EXPECT_EQ(decode_frames({"k", kZero, "", properties, "v"}, message), Fault::kProperties)
        << properties.substr(0, 20);
  }
}

TEST(Protocol, ARequestHasTwoFramesAndASubtree) {
  const auto subtree_of_request = [](const std::vector<std::string>& frames) {
    std::vector<core::Bytes> bytes;
    for (const std::string& frame : frames) bytes.push_back(core::as_bytes(frame));
    const auto subtree = decode_request(bytes);
    return subtree ? std::string(*subtree) : "none";
  };
  EXPECT_EQ(subtree_of_request({"ICANHAZ?", ""}), "");
  EXPECT_EQ(subtree_of_request({"ICANHAZ?", "/a/b/"}), "/a/b/");
  EXPECT_EQ(subtree_of_request({"ICANHAZ?"}), "none");
  EXPECT_EQ(subtree_of_request({"ICANHAZ?", "", ""}), "none");
  EXPECT_EQ(subtree_of_request({"ICANHAZ", ""}), "none");
  for (const char* subtree : {"a", "/a", "a/", "/"}) EXPECT_EQ(subtree_of_request({"ICANHAZ?", subtree}), "none");
  EXPECT_EQ(subtree_of_request({"ICANHAZ?", "/" + std::string(kKeyBytesMax, 'a') + "/"}), "none");
}

TEST(Protocol, NamesOfCommandsAreNoKeys) {
  for (const std::string_view name : {kRequest, kEnd, kHeartbeat}) {
    EXPECT_FALSE(is_key(name));
    EXPECT_TRUE(is_command(name));
  }
  EXPECT_TRUE(is_key("HUGZ2"));
}

TEST(Protocol, AKeysSubtreeEndsAtItsLastSlash) {
  EXPECT_EQ(subtree_of("/a/b/c"), "/a/b/");
  EXPECT_EQ(subtree_of("/a"), "");
  EXPECT_EQ(subtree_of("a/b"), "");
}

TEST(Protocol, ATtlIsAWholeNumberOfSecondsAndZeroIsForEver) {
  int64_t ttl_s = -1;
  EXPECT_EQ(ttl_of("", ttl_s), Fault::kNone);
  EXPECT_EQ(ttl_s, 0);
  EXPECT_EQ(ttl_of("a=b\nttl=30\n", ttl_s), Fault::kNone);
  EXPECT_EQ(ttl_s, 30);
  EXPECT_EQ(ttl_of("ttl=0\n", ttl_s), Fault::kNone);
  EXPECT_EQ(ttl_s, 0);
  for (const char* bad :
       {"ttl=-1\n", "ttl=\n", "ttl=abc\n", "ttl=1.5\n", "ttl= 5\n", "ttl=315360001\n", "ttl=99999999999999999999\n"}) {
    EXPECT_EQ(ttl_of(bad, ttl_s), Fault::kTtl) << bad;
  }
}

TEST(Protocol, UuidsDiffer) { EXPECT_NE(new_uuid(), new_uuid()); }

}  // namespace
}  // namespace tapedeck::clone
