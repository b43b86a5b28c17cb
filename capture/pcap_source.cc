#include "capture/pcap_source.h"

#include <stdio_ext.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/core/durations.h"

namespace tapedeck::capture {
namespace {

constexpr size_t kFileBufferBytes = 1u << 18;

// libpcap hands on 32-bit seconds as signed; they are not (they go to 2106).
core::Nanos time_of(const pcap_pkthdr& header) {
  const auto seconds =
      header.ts.tv_sec < 0 ? static_cast<uint32_t>(header.ts.tv_sec) : static_cast<uint64_t>(header.ts.tv_sec);
  return core::Nanos(seconds * core::kSecond_ns + static_cast<uint32_t>(header.ts.tv_usec));
}

}  // namespace

ssize_t PcapSource::Input::read(void* self, char* out, size_t size) {
  auto& input = *static_cast<Input*>(self);
  if (!input.unread_head.empty()) {
    const core::Bytes some = input.unread_head.first(std::min(size, input.unread_head.size()));
    std::memcpy(out, some.data(), some.size());
    input.unread_head = input.unread_head.subspan(some.size());
    return static_cast<ssize_t>(some.size());
  }
  auto got = input.stream->read({reinterpret_cast<std::byte*>(out), size});
  if (got) return static_cast<ssize_t>(*got);
  input.failure = std::move(got.error().message);
  errno = EIO;
  return -1;
}

core::Result<PcapSource> PcapSource::open(const std::filesystem::path& path) {
  PcapSource source;
  source.input_ = std::make_unique<Input>();
  TD_ASSIGN(source.input_->stream, ByteStream::open(path));
  source.read_head();
  source.reader_ = PcapReader::start(source.input_->unread_head, *source.input_->stream);
  if (source.reader_) {
    source.link_type_ = source.reader_->link_type();
  } else {
    TD_TRY(source.start_libpcap(path));
  }
  return source;
}

void PcapSource::read_head() {
  size_t have = 0;
  while (have < input_->head.size()) {
    const auto got = input_->stream->read(core::MutableBytes(input_->head).subspan(have));
    if (!got || *got == 0) break;  // libpcap meets the same and says so
    have += *got;
  }
  input_->unread_head = core::Bytes(input_->head).first(have);
}

core::Status PcapSource::start_libpcap(const std::filesystem::path& path) {
  FILE* file =
      fopencookie(input_.get(), "rb", {.read = Input::read, .write = nullptr, .seek = nullptr, .close = nullptr});
  if (file == nullptr) return core::fail("cannot read {}: {}", path.string(), core::system_error(errno));
  input_->buffer.resize(kFileBufferBytes);
  std::setvbuf(file, input_->buffer.data(), _IOFBF, input_->buffer.size());
  __fsetlocking(file, FSETLOCKING_BYCALLER);  // nobody else reads it: no lock per call
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_.reset(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error));
  if (pcap_) {
    link_type_ = static_cast<uint32_t>(pcap_datalink(pcap_.get()));
    return {};
  }
  std::fclose(file);
  if (input_->stream->position() == 0) return core::fail("{} is empty: there is nothing to capture", path.string());
  if (!input_->failure.empty()) return core::fail("{}", input_->failure);
  return core::fail("{} is no pcap or pcapng file, plain or gzip: {}", path.string(), error);
}

PcapSource::Next PcapSource::next(CapturedPacket& packet) {
  if (!reader_) return next_of_libpcap(packet);
  const Next next = reader_->next(packet);
  if (next == Next::kDamaged) damage_ = reader_->damage();
  return next;
}

PcapSource::Next PcapSource::next_of_libpcap(CapturedPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int result = pcap_next_ex(pcap_.get(), &header, &bytes);
  if (result == 1) [[likely]] {
    packet = {time_of(*header), {reinterpret_cast<const std::byte*>(bytes), header->caplen}, header->len};
    return Next::kPacket;
  }
  if (result == PCAP_ERROR_BREAK) return Next::kEnd;
  damage_ = input_->failure.empty() ? pcap_geterr(pcap_.get()) : input_->failure;
  return Next::kDamaged;
}

}  // namespace tapedeck::capture
