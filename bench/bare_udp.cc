// A bound of bench/multicast: a bare loop of UDP multicast. `bare_udp pub GROUP:PORT ADDRESS [OPTIONS]` sends so many
// bytes from the interface with this address, by sendmmsg, each of its parts cut into packets by the kernel
// (UDP_SEGMENT), at a rate if one is given: the same bytes again and again, or with --tape those of a tape, with a
// checksum of each. `bare_udp sub GROUP:PORT ADDRESS` prints "ready" when it has joined, receives by recvmmsg what the
// kernel has put together (UDP_GRO), adds up every 8-byte word, takes the checksum of each packet with --check, and
// prints packets, lost (by the number in front of each packet), bytes, seconds and bytes/s as JSON when the mark of the
// end has come.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/bytes.h"
#include "engine/core/crc32c.h"
#include "engine/core/file.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
namespace core = tapedeck::core;

constexpr uint64_t kEnd = UINT64_MAX;  // in place of a number
constexpr auto kEndRepeated = 1s;
constexpr size_t kPartBytes = 65'000;  // that one UDP send can have, about
constexpr size_t kSegmentsMax = 64;    // of the kernel, at least

struct Options {
  std::string role;
  std::string group;
  std::string address;
  uint64_t bytes = 1'000'000'000;
  size_t packet_bytes = 1472;
  size_t parts = 4;            // of one sendmmsg or recvmmsg
  double rate_mbit_per_s = 0;  // 0: as fast as it goes
  int buffer_bytes = 64 << 20;
  std::string tape;    // pub; empty: the same bytes again and again
  bool check = false;  // sub
};

void check(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::exit(1);
}

void set(int handle, int level, int option, int value, const char* what) {
  check(setsockopt(handle, level, option, &value, sizeof value) == 0, what);
}

sockaddr_in address_of(const std::string& group) {
  const size_t colon = group.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(group.substr(colon + 1))));
  check(inet_pton(AF_INET, group.substr(0, colon).c_str(), &address.sin_addr) == 1, "bad group");
  return address;
}

in_addr interface_of(const std::string& text) {
  in_addr address{};
  check(inet_pton(AF_INET, text.c_str(), &address) == 1, "bad address of an interface");
  return address;
}

// As many parts as one system call takes, each of whole packets.
class Parts {
 public:
  Parts(size_t count, size_t bytes) : memory_(count * bytes), vectors_(count), headers_(count) {
    for (size_t i = 0; i < count; ++i) {
      vectors_[i] = {memory_.data() + i * bytes, bytes};
      headers_[i].msg_hdr.msg_iov = &vectors_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::vector<mmsghdr>& headers() { return headers_; }
  core::MutableBytes memory() { return memory_; }
  std::byte* part(size_t i) { return static_cast<std::byte*>(vectors_[i].iov_base); }

 private:
  std::vector<std::byte> memory_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> headers_;
};

// What a tape's segments have, one behind the other and then again.
class TapeBytes {
 public:
  explicit TapeBytes(const std::string& tape) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(tape)) {
      if (entry.path().extension() != ".seg" || entry.path().parent_path() == tape) continue;
      files_.push_back(core::File::open(entry.path(), core::File::Mode::kRead).value());
    }
    check(!files_.empty(), "no segments");
  }

  // Fills `out`; its checksum.
  uint32_t read(core::MutableBytes out) {
    while (at_ + out.size() > files_[file_].size().value()) {
      file_ = (file_ + 1) % files_.size();
      at_ = 0;
    }
    check(files_[file_].read_at(at_, out).has_value(), "read");
    at_ += out.size();
    return core::crc32c(out);
  }

 private:
  std::vector<core::File> files_;
  size_t file_ = 0;
  uint64_t at_ = 0;
};

int publish(const Options& options) {
  const int handle = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in to = address_of(options.group);
  const in_addr from = interface_of(options.address);
  check(setsockopt(handle, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from) == 0, "IP_MULTICAST_IF");
  check(connect(handle, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "connect");
  set(handle, SOL_UDP, UDP_SEGMENT, static_cast<int>(options.packet_bytes), "UDP_SEGMENT");
  set(handle, SOL_SOCKET, SO_SNDBUFFORCE, options.buffer_bytes, "SO_SNDBUFFORCE");
  const size_t in_part = std::min(kSegmentsMax, kPartBytes / options.packet_bytes);
  Parts parts(options.parts, in_part * options.packet_bytes);
  const double batch_s = options.rate_mbit_per_s == 0
                             ? 0
                             : static_cast<double>(options.parts * in_part) *
                                   static_cast<double>(options.packet_bytes) * 8e-6 / options.rate_mbit_per_s;
  const uint64_t batches = options.bytes / (options.parts * in_part * options.packet_bytes);
  uint64_t number = 0;
  uint32_t checksum = 0;
  std::optional<TapeBytes> tape;
  if (!options.tape.empty()) tape.emplace(options.tape);
  const auto start = Clock::now();
  for (uint64_t batch = 0; batch < batches; ++batch) {
    if (tape) checksum ^= tape->read(parts.memory());
    for (size_t i = 0; i < options.parts; ++i) {
      for (size_t j = 0; j < in_part; ++j) core::store_le(parts.part(i) + j * options.packet_bytes, number++);
    }
    std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(static_cast<double>(batch) * batch_s)));
    for (size_t sent = 0; sent < options.parts;) {
      const int count = sendmmsg(handle, &parts.headers()[sent], static_cast<unsigned>(options.parts - sent), 0);
      check(count > 0, "sendmmsg");
      sent += static_cast<size_t>(count);
    }
  }
  const std::array<uint64_t, 2> end{kEnd, number};
  for (const auto until = Clock::now() + kEndRepeated; Clock::now() < until; std::this_thread::sleep_for(10ms)) {
    check(send(handle, end.data(), sizeof end, 0) == sizeof end, "send");
  }
  fmt::print(R"({{"packets": {}, "checksum": {}}})"
             "\n",
             number, checksum);
  return 0;
}

int join(const Options& options) {
  const int handle = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in group = address_of(options.group);
  set(handle, SOL_SOCKET, SO_RCVBUFFORCE, options.buffer_bytes, "SO_RCVBUFFORCE");
  set(handle, SOL_UDP, UDP_GRO, 1, "UDP_GRO");
  check(bind(handle, reinterpret_cast<sockaddr*>(&group), sizeof group) == 0, "bind");
  const ip_mreq membership{group.sin_addr, interface_of(options.address)};
  check(setsockopt(handle, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) == 0, "IP_ADD_MEMBERSHIP");
  return handle;
}

uint64_t sum_of_words(core::Bytes bytes) {
  uint64_t sum = 0;
  for (size_t word = 0; word + 8 <= bytes.size(); word += 8) sum += core::load_le<uint64_t>(bytes.data() + word);
  return sum;
}

// Of the checksums of each packet.
uint32_t sum_of_checksums(core::Bytes bytes, size_t packet) {
  uint32_t sum = 0;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(packet, bytes.size()))) {
    sum ^= core::crc32c(bytes.first(std::min(packet, bytes.size())));
  }
  return sum;
}

// The size of the packets that the kernel put together, or `whole` if there is only one.
size_t packet_bytes_of(msghdr& header, size_t whole) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      return static_cast<size_t>(core::load_le<int>(reinterpret_cast<const std::byte*>(CMSG_DATA(control))));
    }
  }
  return whole;
}

int subscribe(const Options& options) {
  const int handle = join(options);
  Parts parts(options.parts, 65'536);
  std::vector<std::array<std::byte, CMSG_SPACE(sizeof(int))>> controls(options.parts);
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t sum = 0;
  Clock::time_point start;
  Clock::time_point last;
  uint64_t sent = 0;
  fmt::print("ready\n");
  std::fflush(stdout);
  while (sent == 0) {
    for (size_t i = 0; i < options.parts; ++i) {
      parts.headers()[i].msg_hdr.msg_control = controls[i].data();
      parts.headers()[i].msg_hdr.msg_controllen = controls[i].size();
    }
    const int count =
        recvmmsg(handle, parts.headers().data(), static_cast<unsigned>(options.parts), MSG_WAITFORONE, nullptr);
    check(count > 0, "recvmmsg");
    if (packets == 0) start = Clock::now();
    for (int i = 0; i < count; ++i) {
      mmsghdr& header = parts.headers()[static_cast<size_t>(i)];
      const size_t whole = header.msg_len;
      const std::byte* const at = parts.part(static_cast<size_t>(i));
      if (core::load_le<uint64_t>(at) == kEnd) {
        sent = core::load_le<uint64_t>(at + 8);
        break;
      }
      const size_t packet = packet_bytes_of(header.msg_hdr, whole);
      if (options.check) sum += sum_of_checksums({at, whole}, packet);
      sum += sum_of_words({at, whole});
      packets += (whole + packet - 1) / packet;
      bytes += whole;
      last = Clock::now();
    }
  }
  const double seconds = std::chrono::duration<double>(last - start).count();
  fmt::print(R"({{"packets": {}, "lost": {}, "bytes": {}, "seconds": {}, "bytes_per_s": {}, "sum": {}}})"
             "\n",
             packets, sent - packets, bytes, seconds, static_cast<double>(bytes) / seconds, sum);
  close(handle);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A bare loop of UDP multicast.");
  app.add_option("role", options.role)->required()->check(CLI::IsMember({"pub", "sub"}));
  app.add_option("group", options.group, "GROUP:PORT")->required();
  app.add_option("address", options.address, "of the interface")->required();
  app.add_option("--bytes", options.bytes);
  app.add_option("--packet", options.packet_bytes)->check(CLI::Range(16, 65'000));
  app.add_option("--parts", options.parts)->check(CLI::Range(1, 64));
  app.add_option("--rate", options.rate_mbit_per_s, "Mbit/s");
  app.add_option("--buffer", options.buffer_bytes);
  app.add_option("--tape", options.tape, "What pub sends; its checksum is taken")->check(CLI::ExistingDirectory);
  app.add_flag("--check", options.check, "sub takes a checksum of each packet");
  CLI11_PARSE(app, argc, argv);
  return options.role == "pub" ? publish(options) : subscribe(options);
}
