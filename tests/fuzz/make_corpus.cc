// Makes the seed corpora of the fuzz targets: make_corpus tests/fuzz/corpus. Inputs that have everything in them, from
// the same makers as the unit tests use. To be run again, and its output committed, when a format changes.
#include <array>

#include "engine/clone/protocol.h"
#include "engine/tape/codec.h"
#include "engine/tape/segment_scanner.h"
#include "engine/transport/datagram.h"
#include "engine/transport/in_band.h"
#include "engine/transport/plain_message.h"
#include "engine/transport/session.h"
#include "tests/capture/pcap_file.h"
#include "tests/engine/blackbox/frames.h"
#include "tests/engine/clone/messages.h"
#include "tests/engine/feed/wire.h"
#include "tests/engine/tape/tape_fixture.h"
#include "tests/scratch_folder.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;
namespace wire = feed::wire;

std::string piece(std::string_view bytes) { return wire::le(bytes.size(), 2) + std::string(bytes); }
std::string text_of(core::Bytes bytes) { return std::string(core::as_text(bytes)); }
std::string byte(int value) { return std::string(1, static_cast<char>(value)); }

class Corpus {
 public:
  explicit Corpus(fs::path path) : path_(std::move(path)) {}
  void add(std::string_view target, std::string_view name, std::string_view bytes) const {
    fs::create_directories(path_ / target);
    tape::store(path_ / target / name, bytes);
  }

 private:
  fs::path path_;
};

// The frames of a segment file, by kind, as inputs of the targets that read one.
void add_frames(const Corpus& corpus, const fs::path& file, std::string_view name) {
  auto scanner = tape::SegmentScanner::open(file, {}).value();
  while (scanner.next().value() == tape::SegmentScanner::Item::kFrame) {
    const tape::SegmentScanner::Frame& frame = scanner.frame();
    const std::string body = text_of(tape::body_of(frame.bytes, frame.header));
    const std::string count = byte(static_cast<int>(frame.header.record_count));
    if (frame.header.magic == tape::kIndexMagic)
      corpus.add("frame_body", "index-" + file.stem().string(), byte(0) + count + body);
    if (frame.header.magic == tape::kDictionaryMagic) corpus.add("frame_body", "names", byte(1) + count + body);
    if (frame.header.magic == tape::kLedgerMagic) corpus.add("frame_body", "losses", byte(2) + count + body);
    if (frame.header.magic != tape::kBlockMagic) continue;
    corpus.add("block", name, byte(1) + text_of(frame.bytes));
    const auto column = tape::side_column_of(frame.bytes.subspan(tape::kHeaderSize));
    corpus.add("frame_body", "ordinals", byte(3) + count + text_of(*column));
  }
}

void add_tapes(const Corpus& corpus, const ScratchFolder& scratch) {
  for (const tape::Codec codec : tape::kCodecs) {
    const std::string name(tape::codec_name(codec));
    const fs::path path = scratch / name;
    tape::write_small_tape(path, codec);
    std::string input = byte(1);
    for (const std::string_view file : {"manifest.json", "lane-0000/000000.seg", "lane-0000/000001.seg",
                                        "lane-0001/000000.seg", "lane-0001/000001.seg", "ledger.seg"}) {
      input += piece(tape::load(path / file));
    }
    corpus.add("tape", name, input);
    corpus.add("manifest", name, byte(1) + tape::load(path / "manifest.json"));
    for (const fs::path& file : tape::files_in(path)) {
      if (file.extension() == ".seg") add_frames(corpus, file, name);
    }
  }
}

std::vector<std::string> packets() {
  const std::string itch = wire::mold("SESSION001", 1,
                                      {wire::itch_directory(7, "ABC"), wire::itch_add(7, "ABC", 34'200'000'000'000),
                                       wire::itch_delete(9, 34'200'000'000'001)});
  const std::string iex = wire::iex({}, {wire::iex_message('Q', 42, 1'500'000'000'000'000'000, "ABC"),
                                         wire::iex_message('S', 10, 1'500'000'000'000'000'001, "")});
  return {wire::frame(itch),
          wire::frame(wire::mold_heartbeat("SESSION001", 6)),
          wire::frame(iex, 6000),
          wire::frame("not known", 7000),
          wire::ethernet(wire::be(5, 2) + wire::be(0x86dd, 2) + wire::ipv6(wire::udp(itch)), 0x8100),
          wire::ethernet(wire::ipv4(wire::udp(iex), wire::kUdpProtocol, 0xef010203, 0x2000))};
}

void add_packets(const Corpus& corpus) {
  std::string ethernet = byte(0) + byte(0);
  std::vector<capture::FilePacket> file;
  for (const std::string& packet : packets()) {
    ethernet += piece(packet);
    file.push_back({1'500'000'000'000'000'000 + file.size() * 1000, packet, 0});
  }
  file.back().original_size = file.back().bytes.size() + 100;
  corpus.add("packet", "ethernet", ethernet);
  const std::string ip = wire::ipv4(wire::udp(wire::mold("SESSION001", 1, {wire::itch_add(1, "X")})));
  corpus.add("packet", "cooked", byte(1) + byte(1) + piece(std::string(14, '\0') + wire::be(0x0800, 2) + ip));
  corpus.add("packet", "cooked2", byte(2) + byte(0) + piece(wire::be(0x0800, 2) + std::string(18, '\0') + ip));
  corpus.add("packet", "bare", byte(5) + byte(3) + piece(ip));
  corpus.add("capture", "pcap", byte(0) + capture::pcap_file(file));
  corpus.add("capture", "pcap-swapped", byte(4) + capture::pcap_file(file, {.nanoseconds = false, .big_endian = true}));
  corpus.add("capture", "pcap-written-by-a-thread", byte(8) + capture::pcap_file(file));
  corpus.add("capture", "pcapng", byte(1) + capture::pcapng_file(file));
  corpus.add("capture", "pcapng-gzip", byte(4) + capture::gzip(capture::pcapng_file(file, 6, true)));
  corpus.add("byte_stream", "members", byte(0) + byte(6) + capture::gzip("one, one, one") + capture::gzip("two"));
  corpus.add("byte_stream", "plain", byte(1) + byte(0) + "to be compressed, compressed");
}

std::string plain_message(std::string_view topic, uint64_t sequence) {
  const transport::PlainMessage message{.topic = topic,
                                        .sequence = sequence,
                                        .capture_time = core::Nanos(1'500'000'000'000'000'000),
                                        .source_time = core::Nanos(1'500'000'000'000'000'001),
                                        .sent_ns = 1'600'000'000'000'000'000,
                                        .payload = core::as_bytes("payload")};
  std::string bytes(transport::plain_size(message), '\0');
  transport::write_plain(reinterpret_cast<std::byte*>(bytes.data()), message);
  return bytes;
}

void add_messages(const Corpus& corpus) {
  const transport::Message announcement = encode(transport::Announcement{.publisher = 77,
                                                                         .tape = core::TapeId(5),
                                                                         .tape_name = "t.tape",
                                                                         .session_endpoint = "tcp://*:5556",
                                                                         .shard = 1,
                                                                         .endpoints = {"tcp://*:5557", "tcp://*:5558"},
                                                                         .records = 12,
                                                                         .batch_bytes = 1 << 20,
                                                                         .paced = true,
                                                                         .wire = transport::Wire::kPlain});
  const transport::Message dictionary = encode(transport::Dictionary{
      .tape = core::TapeId(5), .names = {"TEST/A", "TEST/B"}, .lanes = {core::Lane(0), core::Lane(1)}});
  const transport::Message end = encode(transport::EndOfTape{
      .publisher = 77, .shard = 1, .interrupted = true, .records_sent = {{core::Lane(0), 12}, {core::Lane(2), 3}}});
  corpus.add("messages", "announcement", text_of(announcement));
  corpus.add("messages", "dictionary", text_of(dictionary));
  corpus.add("messages", "end", text_of(end));
  const transport::Receipt receipt{.subscriber = "host:1",
                                   .complete = true,
                                   .problem = {},
                                   .records = 12,
                                   .lanes = {{core::Lane(2), {.records = 12, .crc = 0x12345678}}}};
  corpus.add("messages", "hello", encode(transport::SessionMessage(transport::Hello{77, "host:1"})));
  corpus.add("messages", "progress", encode(transport::SessionMessage(transport::Progress{5, 6})));
  corpus.add("messages", "pong", encode(transport::SessionMessage(transport::Pong{1, 2, 3})));
  corpus.add("messages", "welcome", encode(transport::SessionMessage(transport::Welcome{77})));
  corpus.add("messages", "verdict", encode(transport::SessionMessage(transport::Verdict{true, "equal"})));
  corpus.add("messages", "receipt", encode(transport::SessionMessage(receipt)));

  corpus.add("messages", "plain", plain_message("TEST/A", 3));
  const std::string records = piece(plain_message("A", 0)) + piece(plain_message("B", 2)) +
                              piece(plain_message("A", 1)) + piece(plain_message("A", 1)) +
                              piece(plain_message("C", 0));
  corpus.add("blackbox", "plain", byte(6) + records);
  corpus.add("blackbox", "plain-without-source-times", byte(14) + records);

  const auto run = [](uint64_t first, tape::Codec codec) {
    return text_of(blackbox::make_frame(
        2, first, 7, {blackbox::make_block(2, first, 5, codec), blackbox::make_block(2, first + 5, 2, codec)}));
  };
  const std::string runs = piece(run(0, tape::Codec::kNone)) + piece(run(7, tape::Codec::kLz4)) +
                           piece(text_of(blackbox::make_frame(0, 3, 2))) + piece(run(0, tape::Codec::kNone));
  corpus.add("blackbox", "runs", byte(3) + runs);
  corpus.add("blackbox", "late-names", byte(1) + runs + piece(text_of(dictionary)) + piece(text_of(end)));
}

// As a sender cuts them: what `message` becomes in datagrams of `size` bytes, each a piece.
std::string datagrams_of(core::Bytes message, size_t size) {
  std::string input;
  transport::DatagramBatch batch(4, size);
  const auto flush = [&] {
    for (size_t i = 0; i < batch.count(); ++i) input += piece(core::as_text(batch.datagram(i)));
    batch.clear();
    return true;
  };
  transport::DatagramCutter cutter(batch, flush);
  TD_CHECK(cutter.cut(message) && flush());
  return input;
}

void add_datagrams(const Corpus& corpus) {
  const auto run = [](uint64_t first, tape::Codec codec) {
    return blackbox::make_frame(2, first, 40, {blackbox::make_block(2, first, 40, codec)});
  };
  const std::string in_order =
      datagrams_of(run(0, tape::Codec::kNone), 400) + datagrams_of(run(40, tape::Codec::kLz4), 300);
  const std::string two_lines = datagrams_of(run(40, tape::Codec::kNone), 500) +
                                datagrams_of(run(0, tape::Codec::kNone), 300) +
                                datagrams_of(run(0, tape::Codec::kNone), 400);
  corpus.add("datagrams", "in-order", byte(0) + in_order);
  corpus.add("datagrams", "repaired", byte(1) + in_order);
  corpus.add("datagrams", "two-lines", byte(1) + two_lines);
  const std::string names(3000, 'n');
  corpus.add("datagrams", "fragments",
             byte(0) + datagrams_of(core::as_bytes(names), 700) + datagrams_of(core::as_bytes(names), 300));
  std::string padded;
  for (const uint64_t first : {40, 0, 80}) {
    std::vector<std::byte> frame = run(first, tape::Codec::kNone);
    frame.resize(frame.size() + 3000, std::byte{'A'});
    padded += datagrams_of(frame, 5000);
  }
  corpus.add("datagrams", "frames-in-fragments", byte(1) + padded);
}

std::string clone_input(const clone::Message& message) {
  std::string input = byte(clone::kFrames);
  for (const std::string& frame : clone::encode(message)) input += piece(frame);
  return input;
}

void add_clone(const Corpus& corpus) {
  const std::string_view uuid = "0123456789abcdef";
  const std::string set = clone_input({.key = "/a/k", .uuid = uuid, .properties = "ttl=5\n", .value = "v"});
  const std::string sync = clone_input({.key = "/a/k", .sequence = 3, .value = "v"});
  const std::string end = clone_input({.key = clone::kEnd, .sequence = 5, .value = "/a/"});
  const std::string heartbeat =
      clone_input({.key = clone::kHeartbeat, .properties = "instance=00000000000000ff\nlast=5\n"});
  const std::string update =
      clone_input({.key = "/a/k", .sequence = 6, .uuid = uuid, .properties = "previous.3=4\n", .value = "w"});
  const std::string hole = clone_input({.key = "/a/l", .sequence = 9, .properties = "previous.3=8\n", .value = "w"});
  const std::string erase = clone_input({.key = "/a/k", .sequence = 7});
  corpus.add("clone", "server", set + set + clone_input({.key = "k", .value = "/a/"}) + erase);
  corpus.add("clone", "client", heartbeat + sync + end + update + erase + hole + end + heartbeat);
  corpus.add("clone", "request", byte(2) + piece(clone::kRequest) + piece("/a/b/"));
}

void add_texts(const Corpus& corpus) {
  constexpr std::array kTexts = {"tcp://127.0.0.1:5555",
                                 "ipc:///tmp/feed",
                                 "tcp://[::1]:*",
                                 "1.5s",
                                 "64MiB",
                                 "1.5e6",
                                 "1503412345000000000",
                                 "2017-07-10T14:32:18Z",
                                 "2017-07-10 14:32:18.123456789-04:00",
                                 "itch50"};
  for (size_t i = 0; i < kTexts.size(); ++i) corpus.add("text", fmt::format("{}", i), kTexts[i]);
}

}  // namespace
}  // namespace tapedeck::fuzz

int main(int argc, char** argv) {
  using namespace tapedeck::fuzz;
  if (argc != 2) {
    fmt::print(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const Corpus corpus(argv[1]);
  const tapedeck::ScratchFolder scratch = tapedeck::ScratchFolder::in_memory();
  add_tapes(corpus, scratch);
  add_packets(corpus);
  add_messages(corpus);
  add_datagrams(corpus);
  add_clone(corpus);
  add_texts(corpus);
}
