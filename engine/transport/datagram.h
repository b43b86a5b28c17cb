// How messages of the packed wire travel in datagrams: data frames are recut to small ones that each make sense alone,
// and everything else, as well as a record that is larger than a datagram, goes in fragments (docs/wire-protocol.md,
// "Datagrams"). Both ends; decoders take bytes of any origin.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "engine/core/counter.h"
#include "engine/tape/block.h"
#include "engine/transport/envelope.h"
#include "engine/transport/line.h"

namespace tapedeck::transport {

// A part of a message. The same message gives the same fragments, so that one that is repeated fills the holes that its
// first sending left.
struct Fragment {
  uint32_t message_crc = 0;    // CRC32C of the whole message
  uint32_t message_bytes = 0;  // its size
  uint32_t offset = 0;         // of the bytes in it
  core::Bytes bytes{};
};

inline constexpr std::string_view kFragmentPrefix = "TDS/FRG/";
inline constexpr size_t kFragmentHeadSize = 32;
inline constexpr uint32_t kFragmentedMax = 64u << 20;  // bytes of a message; more than the dictionary of any tape

// Fills `out`, which has room for the head and the bytes; these are elsewhere.
void write_fragment(core::MutableBytes out, const Fragment& fragment);

// What the head of a fragment says, whether it is true or not; of kFragmentHeadSize bytes or more, and without bytes.
[[nodiscard]] Fragment read_fragment_head(core::Bytes datagram);
// False for what is none, or damaged. The fragment points into `datagram`.
[[nodiscard]] bool read_fragment(core::Bytes datagram, Fragment& fragment);

// A data frame of a single block, if envelope, block and datagram fit each other; `frame` is without the bytes that may
// be behind it. The checksums of both heads are verified, those of the records are not.
[[nodiscard]] bool read_datagram(core::Bytes datagram, Envelope& envelope, core::Bytes& frame);

// Cuts messages into datagrams. Compressed blocks are compressed again in each (lz4). For one thread.
class DatagramCutter {
 public:
  // Fills `batch`, whose slots are as large as a datagram may be; `flush` empties it, and says false to end.
  DatagramCutter(DatagramBatch& batch, std::function<bool()> flush) : batch_(batch), flush_(std::move(flush)) {}

  // False if a flush said so.
  [[nodiscard]] bool cut(core::Bytes message);

  // That were put into the batch. From any thread.
  [[nodiscard]] uint64_t records() const { return records_.get(); }
  // That could not be as their block is damaged, by lane.
  [[nodiscard]] const std::map<core::Lane, uint64_t>& records_lost() const { return records_lost_; }

 private:
  // Records of a block, one behind the other.
  struct Stretch {
    core::Bytes bytes{};
    uint32_t count = 0;
    uint64_t time_min_ns = UINT64_MAX;
    uint64_t time_max_ns = 0;
  };

  [[nodiscard]] bool cut_run(const Envelope& envelope, core::Bytes run);
  [[nodiscard]] bool cut_block(Envelope envelope, const tape::BlockView& block);
  [[nodiscard]] bool cut_fragments(core::Bytes message);
  void lose(const Envelope& envelope, uint64_t records);
  [[nodiscard]] bool make_room() { return !batch_.full() || flush_(); }
  // As many records from `at` on as have `bytes_max` together, but at least one; `at` moves behind them.
  [[nodiscard]] static Stretch take(tape::RecordRange::Iterator& at, const tape::BlockView& block, size_t bytes_max);
  // The frame of a stretch, its size; 0 where it does not fit.
  [[nodiscard]] size_t write(core::MutableBytes out, Envelope envelope, tape::BlockHeader header,
                             const Stretch& stretch);
  [[nodiscard]] size_t write_compressed(core::MutableBytes out, const Envelope& envelope, tape::BlockHeader& header,
                                        const Stretch& stretch);
  [[nodiscard]] bool send_large(const Envelope& envelope, const tape::BlockHeader& header, const Stretch& stretch);

  DatagramBatch& batch_;
  std::function<bool()> flush_;
  tape::BlockOpener opener_;
  tape::Compressor compressor_;
  tape::OrdinalColumnBuilder no_ordinals_;
  double ratio_ = 2;              // what compression has made of the last stretches
  std::vector<std::byte> large_;  // a frame of a record that is larger than a datagram
  core::Counter records_;
  std::map<core::Lane, uint64_t> records_lost_;
};

// What is left of a data frame of one block without its first `skip` records, which are fewer than it has,
// uncompressed. None where the block is damaged.
[[nodiscard]] std::optional<std::vector<std::byte>> without_first(core::Bytes frame, uint32_t skip);

}  // namespace tapedeck::transport
