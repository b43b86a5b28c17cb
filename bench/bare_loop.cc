// The bound of embedded replay: a loop that does no more than it must. `bare_loop TAPE THREADS` reads every data
// segment of a tape in pieces of 256 KiB into one recycled buffer per thread, takes the CRC32C of every byte, and adds
// up every 8-byte word; the threads take turns at the segments' pieces. Prints bytes, seconds and bytes/s as JSON. It
// looks at no block and no record, so its sum and checksum are of the files' bytes.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "bench/segments.h"
#include "engine/core/buffer_pool.h"
#include "engine/core/crc32c.h"

namespace {

using namespace tapedeck;

constexpr size_t kPiece = 256u << 10;  // found to be the fastest of 64 KiB to 1 MiB: it stays in the core's own cache

struct Piece {
  const core::File* file;
  uint64_t offset;
  size_t size;
};

struct Sum {
  uint64_t words = 0;
  uint32_t crc = 0;
};

std::vector<Piece> cut(const std::vector<core::File>& files) {
  std::vector<Piece> pieces;
  for (const core::File& file : files) {
    const uint64_t size = file.size().value();
    for (uint64_t at = 0; at < size; at += kPiece) pieces.push_back({&file, at, std::min<size_t>(kPiece, size - at)});
  }
  return pieces;
}

void work(const std::vector<Piece>& pieces, std::atomic<size_t>& next, core::MutableBytes buffer, Sum& sum) {
  for (size_t i = next++; i < pieces.size(); i = next++) {
    const core::MutableBytes bytes = buffer.first(pieces[i].size);
    if (!pieces[i].file->read_at(pieces[i].offset, bytes)) return;
    sum.crc ^= core::crc32c(bytes);
    for (size_t at = 0; at + 8 <= bytes.size(); at += 8) sum.words += core::load_le<uint64_t>(bytes.data() + at);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: bare_loop TAPE THREADS\n");
    return 2;
  }
  const auto threads = static_cast<size_t>(std::max(1, std::atoi(argv[2])));
  const std::vector<core::File> files = bench::open_segments(argv[1]);
  const std::vector<Piece> pieces = cut(files);
  core::BufferPool pool(threads, kPiece);
  std::vector<Sum> sums(threads);
  std::atomic<size_t> next{0};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      const core::StopFlag never;
      const core::BufferLease buffer(pool.acquire(never));
      Sum sum;
      work(pieces, next, buffer.bytes(), sum);
      sums[i] = sum;
    });
  }
  for (std::thread& thread : running) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  uint64_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.size;
  Sum total;
  for (const Sum& sum : sums) total = {total.words + sum.words, total.crc ^ sum.crc};
  fmt::print("{{\"bytes\": {}, \"seconds\": {}, \"bytes_per_s\": {}, \"sum\": {}, \"crc\": {}}}\n", bytes, seconds,
             static_cast<double>(bytes) / seconds, total.words, total.crc);
  return 0;
}
