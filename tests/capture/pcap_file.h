// Builds capture files for tests, byte by byte from the descriptions of the formats. Bytes are strings here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck::capture {

struct FilePacket {
  uint64_t time_ns = 0;
  std::string bytes;
  size_t original_size = 0;  // 0: as many as there are
};

struct PcapFormat {
  bool nanoseconds = true;
  bool big_endian = false;
  uint32_t link_type = 1;
  uint32_t snap_length = 65535;
  uint16_t version_minor = 4;
};

[[nodiscard]] std::string pcap_file(const std::vector<FilePacket>& packets, const PcapFormat& format = {});
// With one interface; `resolution` is if_tsresol: 10^-resolution seconds.
[[nodiscard]] std::string pcapng_file(const std::vector<FilePacket>& packets, uint8_t resolution = 9,
                                      bool big_endian = false);
[[nodiscard]] std::string gzip(std::string_view bytes);

void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace tapedeck::capture
