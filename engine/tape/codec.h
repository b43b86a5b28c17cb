// The codecs of blocks: their names, and the compression and decompression of the records of one block. A Compressor
// and a Decompressor keep what their library needs from one block to the next, so that nothing is allocated per block.
// Each is for one thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/status.h"
#include "engine/tape/format.h"

struct ZSTD_CCtx_s;  // of zstd.h
struct ZSTD_DCtx_s;

namespace tapedeck::tape {

inline constexpr std::array kCodecs = {Codec::kNone, Codec::kLz4, Codec::kZstd};

[[nodiscard]] std::string_view codec_name(Codec codec);
[[nodiscard]] std::optional<Codec> codec_named(std::string_view name);
[[nodiscard]] std::vector<std::string> codec_names();  // for command lines

class Compressor {
 public:
  // Compresses `raw` to the front of `out` with a codec other than kNone, and gives the size; 0 where `out` is too
  // small for it.
  [[nodiscard]] core::Result<size_t> compress(Codec codec, Bytes raw, MutableBytes out);

 private:
  [[nodiscard]] core::Result<size_t> compress_zstd(Bytes raw, MutableBytes out);

  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> zstd_;  // about 600 KiB; made with the first block that wants it
};

class Decompressor {
 public:
  // True if `compressed` is exactly what `codec` makes of raw.size() bytes, which then stand in `raw`. Bytes from
  // strangers are fine: nothing is written outside of `raw`, and how much memory is used does not depend on them.
  [[nodiscard]] bool decompress(Codec codec, Bytes compressed, MutableBytes raw);

 private:
  [[nodiscard]] bool decompress_zstd(Bytes compressed, MutableBytes raw);

  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_;  // about 100 KiB; made with the first block that wants it
};

}  // namespace tapedeck::tape
