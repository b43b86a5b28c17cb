// The rival of capture: `pcap_loop FILE` reads a capture file with libpcap and counts its packets, nothing more. Prints
// packets, seconds and packets/s as JSON.
#include <fmt/format.h>
#include <pcap/pcap.h>

#include <chrono>

int main(int argc, char** argv) {
  char error[PCAP_ERRBUF_SIZE] = {};
  pcap_t* const pcap = argc == 2 ? pcap_open_offline(argv[1], error) : nullptr;
  if (pcap == nullptr) {
    fmt::print(stderr, "usage: pcap_loop FILE {}\n", error);
    return 2;
  }
  uint64_t packets = 0;
  uint64_t bytes = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const auto start = std::chrono::steady_clock::now();
  while (pcap_next_ex(pcap, &header, &data) == 1) {
    ++packets;
    bytes += header->caplen;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  pcap_close(pcap);
  fmt::print("{{\"packets\": {}, \"bytes\": {}, \"seconds\": {}, \"packets_per_s\": {}}}\n", packets, bytes, seconds,
             static_cast<double>(packets) / seconds);
  return 0;
}
