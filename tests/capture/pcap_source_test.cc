#include "capture/pcap_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/capture/pcap_file.h"
#include "tests/engine/feed/scratch_tape.h"

namespace tapedeck::capture {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kTime = 1'503'412'345'123'456'789;

class PcapSourceTest : public ::testing::Test {
 protected:
  struct Contents {
    std::vector<FilePacket> packets;
    std::string damage;
    std::string error;  // of opening it
    uint32_t link_type = 0;
  };

  Contents read(std::string_view file) {
    const std::filesystem::path path = folder_ / "misnamed.pcapng";
    write_file(path, file);
    auto source = PcapSource::open(path);
    if (!source) return {{}, "", source.error().message};
    Contents contents;
    contents.link_type = source->link_type();
    CapturedPacket packet;
    while (true) {
      const PcapSource::Next next = source->next(packet);
      if (next == PcapSource::Next::kDamaged) contents.damage = source->damage();
      if (next != PcapSource::Next::kPacket) return contents;
      contents.packets.push_back({packet.time.value, std::string(core::as_text(packet.bytes)), packet.original_size});
    }
  }

  static void expect_packets(const Contents& contents, uint64_t unit_ns, std::string_view what) {
    EXPECT_EQ(contents.error, "") << what;
    EXPECT_EQ(contents.damage, "") << what;
    ASSERT_EQ(contents.packets.size(), 3u) << what;
    EXPECT_EQ(contents.packets[0].time_ns, kTime / unit_ns * unit_ns) << what;
    EXPECT_EQ(contents.packets[0].bytes, "first") << what;
    EXPECT_EQ(contents.packets[1].time_ns, (kTime - 5000) / unit_ns * unit_ns) << what << ": clocks step back";
    EXPECT_EQ(contents.packets[1].bytes, "") << what;
    EXPECT_EQ(contents.packets[2].bytes, "third") << what;
    EXPECT_EQ(contents.packets[2].original_size, 90u) << what;
  }

  feed::ScratchFolder folder_;
  const std::vector<FilePacket> packets_ = {{kTime, "first"}, {kTime - 5000, ""}, {kTime + 9, "third", 90}};
};

TEST_F(PcapSourceTest, ReadsPcapInBothByteOrdersAndResolutions) {
  for (const bool big_endian : {false, true}) {
    expect_packets(read(pcap_file(packets_, {.nanoseconds = true, .big_endian = big_endian})), 1, "ns");
    expect_packets(read(pcap_file(packets_, {.nanoseconds = false, .big_endian = big_endian})), 1000, "us");
  }
}

TEST_F(PcapSourceTest, ReadsPcapngInBothByteOrdersAndAnyResolution) {
  for (const bool big_endian : {false, true}) {
    expect_packets(read(pcapng_file(packets_, 9, big_endian)), 1, "ns");
    expect_packets(read(pcapng_file(packets_, 6, big_endian)), 1000, "us");
  }
}

TEST_F(PcapSourceTest, ReadsGzip) {
  expect_packets(read(gzip(pcap_file(packets_))), 1, "pcap");
  expect_packets(read(gzip(pcapng_file(packets_))), 1, "pcapng");
}

TEST_F(PcapSourceTest, TellsTheLinkType) {
  EXPECT_EQ(read(pcap_file({}, {.link_type = 1})).link_type, 1u);
  EXPECT_EQ(read(pcap_file({}, {.link_type = 113})).link_type, 113u);
  EXPECT_EQ(read(pcap_file({}, {.link_type = 276})).link_type, 276u);
}

TEST_F(PcapSourceTest, TakesTimesUntilTheYear2106) {
  const uint64_t late = uint64_t{4'000'000'000} * 1'000'000'000 + 7;
  EXPECT_EQ(read(pcap_file({{late, "x"}})).packets.at(0).time_ns, late);
}

TEST_F(PcapSourceTest, ReadsAFileWithoutPackets) {
  const Contents contents = read(pcap_file({}));
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.damage, "");
  EXPECT_TRUE(contents.packets.empty());
}

TEST_F(PcapSourceTest, RefusesWhatIsEmptyOrForeign) {
  EXPECT_THAT(read("").error, HasSubstr("is empty"));
  EXPECT_THAT(read("{\"not\": \"a capture file, but long enough for a header\"}").error,
              HasSubstr("no pcap or pcapng file"));
  EXPECT_THAT(read(gzip("a text that was compressed")).error, HasSubstr("no pcap or pcapng file"));
  EXPECT_THAT(read(pcap_file({}).substr(0, 23)).error, HasSubstr("no pcap or pcapng file"));
  EXPECT_THAT(read(gzip(pcap_file(packets_)).substr(0, 12)).error, HasSubstr("cut"));
}

// Whatever the place of the cut, every packet before it is given.
void expect_every_cut(const std::string& file, const std::vector<size_t>& packet_ends, size_t header_end,
                      const std::function<std::pair<size_t, bool>(std::string_view)>& read) {
  for (size_t size = header_end; size <= file.size(); ++size) {
    size_t whole = 0;
    bool at_boundary = size == header_end;
    for (const size_t end : packet_ends) {
      whole += end <= size;
      at_boundary = at_boundary || end == size;
    }
    const auto [packets, damaged] = read(std::string_view(file).substr(0, size));
    EXPECT_EQ(packets, whole) << "cut to " << size;
    EXPECT_EQ(damaged, !at_boundary) << "cut to " << size;
  }
}

TEST_F(PcapSourceTest, GivesAllPacketsBeforeACutAtAnyByte) {
  const auto summary = [this](std::string_view file) {
    const Contents contents = read(file);
    return std::pair(contents.packets.size(), !contents.damage.empty());
  };
  const std::string pcap = pcap_file(packets_);
  expect_every_cut(pcap, {24 + 16 + 5, 24 + 16 + 5 + 16, 24 + 16 + 5 + 16 + 16 + 5}, 24, summary);
  const std::string pcapng = pcapng_file(packets_);
  const size_t header_end = pcapng_file({}).size();
  expect_every_cut(pcapng, {header_end + 40, header_end + 72, header_end + 112}, header_end, summary);
}

TEST_F(PcapSourceTest, StopsAtADamagedRecordHeaderAndSaysSo) {
  std::string file = pcap_file(packets_);
  file[24 + 16 + 5 + 8 + 3] = '\x7f';  // the captured length of the second packet
  const Contents contents = read(file);
  EXPECT_EQ(contents.packets.size(), 1u);
  EXPECT_NE(contents.damage, "");
}

TEST_F(PcapSourceTest, SaysThatTheGzipDataAreCut) {
  std::vector<FilePacket> packets;
  for (uint64_t n = 0; n < 1000; ++n) packets.push_back({kTime + n * n * 7919, std::to_string(n * n * n)});
  const std::string packed = gzip(pcap_file(packets));
  const Contents contents = read(packed.substr(0, packed.size() / 2));
  EXPECT_THAT(contents.damage, HasSubstr("gzip data"));
  EXPECT_GT(contents.packets.size(), 300u);
  EXPECT_LT(contents.packets.size(), 700u);
}

}  // namespace
}  // namespace tapedeck::capture
