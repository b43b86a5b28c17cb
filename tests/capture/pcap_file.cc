#include "tests/capture/pcap_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "tests/engine/feed/wire.h"

namespace tapedeck::capture {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;

std::string integer(uint64_t value, size_t size, bool big_endian) {
  return big_endian ? feed::wire::be(value, size) : feed::wire::le(value, size);
}

size_t original_size(const FilePacket& packet) {
  return packet.original_size > 0 ? packet.original_size : packet.bytes.size();
}

std::string pcapng_block(uint32_t type, std::string body, bool big_endian) {
  body.resize((body.size() + 3) / 4 * 4, '\0');
  const std::string size = integer(12 + body.size(), 4, big_endian);
  return integer(type, 4, big_endian) + size + body + size;
}

}  // namespace

std::string pcap_file(const std::vector<FilePacket>& packets, const PcapFormat& format) {
  const auto u32 = [&format](uint64_t value) { return integer(value, 4, format.big_endian); };
  const auto u16 = [&format](uint64_t value) { return integer(value, 2, format.big_endian); };
  std::string file = u32(format.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4) + u16(2) + u16(format.version_minor) + u32(0) +
                     u32(0) + u32(format.snap_length) + u32(format.link_type);
  for (const FilePacket& packet : packets) {
    const uint64_t fraction_ns = packet.time_ns % kNanosPerSecond;
    file += u32(packet.time_ns / kNanosPerSecond) + u32(format.nanoseconds ? fraction_ns : fraction_ns / 1000) +
            u32(packet.bytes.size()) + u32(original_size(packet)) + packet.bytes;
  }
  return file;
}

std::string pcapng_file(const std::vector<FilePacket>& packets, uint8_t resolution, bool big_endian) {
  const auto u32 = [big_endian](uint64_t value) { return integer(value, 4, big_endian); };
  const auto u16 = [big_endian](uint64_t value) { return integer(value, 2, big_endian); };
  uint64_t unit_ns = kNanosPerSecond;
  for (uint8_t i = 0; i < resolution; ++i) unit_ns /= 10;
  const std::string options = u16(9) + u16(1) + static_cast<char>(resolution) + std::string(3, '\0') + u32(0);
  std::string file = pcapng_block(0x0a0d0d0a, u32(0x1a2b3c4d) + u16(1) + u16(0) + std::string(8, '\xff'), big_endian) +
                     pcapng_block(1, u16(1) + u16(0) + u32(0) + options, big_endian);
  for (const FilePacket& packet : packets) {
    const uint64_t time = packet.time_ns / unit_ns;
    file += pcapng_block(6,
                         u32(0) + u32(time >> 32) + u32(time & 0xffffffff) + u32(packet.bytes.size()) +
                             u32(original_size(packet)) + packet.bytes,
                         big_endian);
  }
  return file;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  EXPECT_TRUE(out) << path;
}

}  // namespace tapedeck::capture
