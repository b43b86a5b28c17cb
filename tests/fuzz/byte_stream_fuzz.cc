// A file of any bytes, gzip or not, read to its end. The first byte of the input tells whether the rest is the file or
// is to be compressed first; the second how much is read at once, which must not matter.
#include "capture/byte_stream.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/scratch_folder.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongMax = 1u << 26;  // no small input inflates to this

struct Contents {
  ByteVector bytes;
  bool damaged = false;
  bool operator==(const Contents&) const = default;
};

Contents read_all(const fs::path& file, size_t step) {
  Contents contents;
  const auto stream = capture::ByteStream::open(file);
  TD_CHECK(stream.has_value());
  ByteVector buffer(step);
  for (;;) {
    const auto got = (*stream)->read(buffer);
    contents.damaged = !got;
    if (!got || *got == 0) return contents;
    TD_CHECK(*got <= step);
    core::append_bytes(contents.bytes, Bytes(buffer).first(*got));
    TD_CHECK(contents.bytes.size() < kLongMax);
  }
}

// As zlib itself reads a file.
ByteVector read_by_zlib(const fs::path& file) {
  ByteVector bytes;
  ByteVector buffer(1u << 16);
  gzFile gz = gzopen(file.c_str(), "rb");
  TD_CHECK(gz != nullptr);
  for (int got = 1; got > 0;) {
    got = gzread(gz, buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got > 0) core::append_bytes(bytes, Bytes(buffer).first(static_cast<size_t>(got)));
  }
  gzclose(gz);
  return bytes;
}

void write_gzip(const fs::path& file, Bytes bytes) {
  gzFile gz = gzopen(file.c_str(), "wb");
  TD_CHECK(gz != nullptr);
  if (!bytes.empty()) TD_CHECK(gzwrite(gz, bytes.data(), static_cast<unsigned>(bytes.size())) > 0);
  TD_CHECK(gzclose(gz) == Z_OK);
}

}  // namespace

void run_one(Bytes bytes) {
  static const ScratchFolder scratch = ScratchFolder::in_memory();
  Input input(bytes);
  const bool compress = (input.byte() & 1) != 0;
  const size_t step = size_t{input.byte()} + 1;
  const Bytes rest = input.rest();
  const fs::path file = scratch.write("file", core::as_text(rest));
  if (compress) write_gzip(file, rest);
  const Contents contents = read_all(file, 1u << 16);
  TD_CHECK(contents == read_all(file, step));
  if (compress) TD_CHECK(!contents.damaged && std::ranges::equal(contents.bytes, rest));
  if (!contents.damaged) TD_CHECK(contents.bytes == read_by_zlib(file));
}

}  // namespace tapedeck::fuzz
