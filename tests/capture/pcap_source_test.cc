#include "capture/pcap_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "tests/capture/pcap_file.h"
#include "tests/scratch_folder.h"

namespace tapedeck::capture {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr uint64_t kPacketTime = 1'503'412'345'123'456'789;

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

  // What libpcap makes of the same file.
  Contents read_with_libpcap(std::string_view file) {
    const std::filesystem::path path = folder_ / "feed.pcap";
    write_file(path, file);
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t* pcap = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == nullptr) return {{}, "", error};
    Contents contents;
    contents.link_type = static_cast<uint32_t>(pcap_datalink(pcap));
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int result = 0;
    while ((result = pcap_next_ex(pcap, &header, &bytes)) == 1) {
      contents.packets.push_back({static_cast<uint64_t>(header->ts.tv_sec) * kSecond_ns + header->ts.tv_usec,
                                  {reinterpret_cast<const char*>(bytes), header->caplen},
                                  header->len});
    }
    if (result == PCAP_ERROR) contents.damage = pcap_geterr(pcap);
    pcap_close(pcap);
    return contents;
  }

  void expect_what_libpcap_gives(std::string_view file, std::string_view what) {
    const Contents own = read(file);
    const Contents reference = read_with_libpcap(file);
    EXPECT_EQ(own.error.empty(), reference.error.empty()) << what;
    EXPECT_EQ(own.damage.empty(), reference.damage.empty()) << what;
    EXPECT_EQ(own.link_type, reference.link_type) << what;
    ASSERT_EQ(own.packets.size(), reference.packets.size()) << what;
    for (size_t i = 0; i < own.packets.size(); ++i) {
      EXPECT_EQ(own.packets[i].time_ns, reference.packets[i].time_ns) << what << ", packet " << i;
      EXPECT_EQ(own.packets[i].bytes, reference.packets[i].bytes) << what << ", packet " << i;
      EXPECT_EQ(own.packets[i].original_size, reference.packets[i].original_size) << what << ", packet " << i;
    }
  }

  static void expect_packets(const Contents& contents, uint64_t unit_ns, std::string_view what) {
    EXPECT_EQ(contents.error, "") << what;
    EXPECT_EQ(contents.damage, "") << what;
    ASSERT_EQ(contents.packets.size(), 3u) << what;
    EXPECT_EQ(contents.packets[0].time_ns, kPacketTime / unit_ns * unit_ns) << what;
    EXPECT_EQ(contents.packets[0].bytes, "first") << what;
    EXPECT_EQ(contents.packets[1].time_ns, (kPacketTime - 5000) / unit_ns * unit_ns) << what << ": clocks step back";
    EXPECT_EQ(contents.packets[1].bytes, "") << what;
    EXPECT_EQ(contents.packets[2].bytes, "third") << what;
    EXPECT_EQ(contents.packets[2].original_size, 90u) << what;
  }

  ScratchFolder folder_;
  const std::vector<FilePacket> packets_ = {
      {kPacketTime, "first"}, {kPacketTime - 5000, ""}, {kPacketTime + 9, "third", 90}};
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
  const uint64_t late = uint64_t{4'000'000'000} * kSecond_ns + 7;
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

TEST_F(PcapSourceTest, CutsPacketsToTheSnapLengthAsLibpcapDoes) {
  const Contents contents = read(pcap_file(packets_, {.snap_length = 3}));
  ASSERT_EQ(contents.packets.size(), 3u);
  EXPECT_EQ(contents.packets[0].bytes, "fir");
  EXPECT_EQ(contents.packets[0].original_size, 5u);
  EXPECT_EQ(contents.packets[2].bytes, "thi") << "the rest of a packet is passed over";
  for (const uint32_t snap_length : {0u, 1u, 4u, 5u, 262'144u, 262'145u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    expect_what_libpcap_gives(pcap_file(packets_, {.snap_length = snap_length}), std::to_string(snap_length));
  }
}

TEST_F(PcapSourceTest, TakesPacketsOfAnySizeThatLibpcapTakes) {
  for (const size_t size : {262'143, 262'144, 262'145}) {
    const std::vector<FilePacket> packets = {
        {kPacketTime, "small"}, {kPacketTime, std::string(size, 'x')}, {kPacketTime, "last"}};
    expect_what_libpcap_gives(pcap_file(packets, {.snap_length = 0}), std::to_string(size));
  }
}

TEST_F(PcapSourceTest, LeavesRareFormsOfPcapToLibpcap) {
  expect_what_libpcap_gives(pcap_file(packets_, {.version_minor = 3}), "version 2.3, which may swap the lengths");
  expect_what_libpcap_gives(pcap_file(packets_, {.version_minor = 5}), "version 2.5, which there is not");
  expect_what_libpcap_gives(pcap_file(packets_, {.link_type = 0x2400'0001}), "link type with the length of checksums");
  std::string patched = pcap_file({{kPacketTime, "first"}}, {.nanoseconds = false});
  patched.replace(0, 4, "\x34\xcd\xb2\xa1");
  patched.insert(24 + 16, std::string(8, '\0'));
  expect_what_libpcap_gives(patched, "a patched form, whose records have longer headers");
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
  for (uint64_t n = 0; n < 1000; ++n) packets.push_back({kPacketTime + n * n * 7919, std::to_string(n * n * n)});
  const std::string packed = gzip(pcap_file(packets));
  const Contents contents = read(packed.substr(0, packed.size() / 2));
  EXPECT_THAT(contents.damage, HasSubstr("gzip data"));
  EXPECT_GT(contents.packets.size(), 300u);
  EXPECT_LT(contents.packets.size(), 700u);
}

}  // namespace
}  // namespace tapedeck::capture
