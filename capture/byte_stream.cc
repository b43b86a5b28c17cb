#include "capture/byte_stream.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tapedeck::capture {
namespace {

constexpr size_t kInputBytes = 1u << 16;
constexpr std::byte kGzipMagic[] = {std::byte{0x1f}, std::byte{0x8b}};
constexpr int kIdleInterval_ms = 10;
constexpr int kGzipOnly = 16;  // added to the window bits for inflateInit2

}  // namespace

core::Result<std::unique_ptr<ByteStream>> ByteStream::open(const std::filesystem::path& path) {
  TD_ASSIGN(core::File file, core::File::open(path, core::File::Mode::kRead));
  std::unique_ptr<ByteStream> stream(new ByteStream(std::move(file)));
  TD_TRY(stream->look_for_gzip());
  return stream;
}

ByteStream::ByteStream(core::File file) : file_(std::move(file)), input_(kInputBytes) {
  struct stat info {};
  if (fstat(file_.fd(), &info) == 0 && S_ISREG(info.st_mode)) size_ = static_cast<uint64_t>(info.st_size);
}

ByteStream::~ByteStream() {
  if (gzip_) inflateEnd(&inflater_);
}

core::Status ByteStream::look_for_gzip() {
  while (waiting_.size() < std::size(kGzipMagic)) {
    TD_ASSIGN(const bool more, fill());
    if (!more) return {};
  }
  if (!std::ranges::equal(waiting_.first(std::size(kGzipMagic)), kGzipMagic)) return {};
  if (inflateInit2(&inflater_, MAX_WBITS + kGzipOnly) != Z_OK) return core::fail("cannot start zlib: out of memory");
  gzip_ = true;
  return {};
}

core::Status ByteStream::wait_for_input() {
  if (size_ || !idle_) return {};
  pollfd input{.fd = file_.fd(), .events = POLLIN, .revents = 0};
  int ready = poll(&input, 1, 0);
  while (ready == 0) {
    TD_TRY(idle_());
    ready = poll(&input, 1, kIdleInterval_ms);
  }
  if (ready > 0) return {};
  return core::fail("cannot wait for {}: {}", file_.path().string(), core::system_error(errno));
}

core::Result<size_t> ByteStream::read_stored(core::MutableBytes out) {
  TD_TRY(wait_for_input());
  const ssize_t n = ::read(file_.fd(), out.data(), out.size());
  if (n < 0) return core::fail("cannot read {}: {}", file_.path().string(), core::system_error(errno));
  position_ += static_cast<uint64_t>(n);
  return static_cast<size_t>(n);
}

core::Result<bool> ByteStream::fill() {
  std::ranges::copy(waiting_, input_.begin());
  const size_t kept = waiting_.size();
  TD_ASSIGN(const size_t got, read_stored(core::MutableBytes(input_).subspan(kept)));
  waiting_ = core::Bytes(input_).first(kept + got);
  return got > 0;
}

core::Result<size_t> ByteStream::read(core::MutableBytes out) {
  if (ended_) return 0;
  if (gzip_) return inflate_some(out);
  if (waiting_.empty()) return read_stored(out);
  const size_t size = std::min(out.size(), waiting_.size());
  std::ranges::copy(waiting_.first(size), out.begin());
  waiting_ = waiting_.subspan(size);
  return size;
}

core::Result<size_t> ByteStream::inflate_some(core::MutableBytes out) {
  inflater_.next_out = reinterpret_cast<Bytef*>(out.data());
  inflater_.avail_out = static_cast<uInt>(out.size());
  while (inflater_.avail_out == out.size()) {
    if (waiting_.empty()) TD_TRY(fill());  // at the end of the file zlib may still hold what it had no room to give
    // zlib does not write to its input, but does not say so either.
    inflater_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(waiting_.data()));
    inflater_.avail_in = static_cast<uInt>(waiting_.size());
    const int result = inflate(&inflater_, Z_NO_FLUSH);
    waiting_ = waiting_.last(inflater_.avail_in);
    if (result == Z_STREAM_END) {
      TD_ASSIGN(const bool more, next_member());
      ended_ = !more;
      if (ended_) break;
    } else if (result == Z_BUF_ERROR) {  // it wants more
      return core::fail_with(core::ExitCode::kDamaged, "the gzip data of {} is cut", file_.path().string());
    } else if (result != Z_OK) {
      if (inflater_.avail_out < out.size()) break;  // what came before the damage is good; the next call fails
      return core::fail_with(core::ExitCode::kDamaged, "the gzip data of {} is damaged near byte {}: {}",
                             file_.path().string(), position_ - waiting_.size(),
                             inflater_.msg == nullptr ? "zlib says no more" : inflater_.msg);
    }
  }
  return out.size() - inflater_.avail_out;
}

core::Result<bool> ByteStream::next_member() {
  while (waiting_.size() < std::size(kGzipMagic)) {
    TD_ASSIGN(const bool more, fill());
    if (!more) return false;
  }
  if (!std::ranges::equal(waiting_.first(std::size(kGzipMagic)), kGzipMagic)) return false;  // padding, as gzip allows
  inflateReset(&inflater_);
  return true;
}

}  // namespace tapedeck::capture
