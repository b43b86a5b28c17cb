#include "engine/tape/codec.h"

#include <lz4.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

namespace tapedeck::tape {
namespace {

// On recorded feeds level 1 makes blocks half the size that lz4 makes, at 500 to 700 MB/s. The levels above it gain a
// few percent and cost a third of the speed; those below lose more than they gain.
constexpr int kZstdLevel = 1;

size_t compress_lz4(Bytes raw, MutableBytes out) {
  const int size = LZ4_compress_default(reinterpret_cast<const char*>(raw.data()), reinterpret_cast<char*>(out.data()),
                                        static_cast<int>(raw.size()), static_cast<int>(out.size()));
  return static_cast<size_t>(std::max(size, 0));
}

bool decompress_lz4(Bytes compressed, MutableBytes raw) {
  const int size =
      LZ4_decompress_safe(reinterpret_cast<const char*>(compressed.data()), reinterpret_cast<char*>(raw.data()),
                          static_cast<int>(compressed.size()), static_cast<int>(raw.size()));
  return size >= 0 && static_cast<size_t>(size) == raw.size();
}

// One frame of RFC 8878 that says its content has `raw_size` bytes, and nothing behind it: what zstd itself would
// accept besides (several frames, skippable ones, formats before the RFC) is not ours.
bool is_one_zstd_frame(Bytes compressed, size_t raw_size) {
  return compressed.size() >= sizeof(uint32_t) && core::load_le<uint32_t>(compressed.data()) == ZSTD_MAGICNUMBER &&
         ZSTD_getFrameContentSize(compressed.data(), compressed.size()) == raw_size &&
         ZSTD_findFrameCompressedSize(compressed.data(), compressed.size()) == compressed.size();
}

}  // namespace

std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::kNone: return "none";
    case Codec::kLz4: return "lz4";
    case Codec::kZstd: return "zstd";
  }
  return "unknown";
}

std::optional<Codec> codec_named(std::string_view name) {
  const auto* const found = std::ranges::find(kCodecs, name, codec_name);
  return found == kCodecs.end() ? std::nullopt : std::optional(*found);
}

std::vector<std::string> codec_names() {
  std::vector<std::string> names;
  names.reserve(kCodecs.size());
  for (const Codec codec : kCodecs) names.emplace_back(codec_name(codec));
  return names;
}

core::Result<size_t> Compressor::compress(Codec codec, Bytes raw, MutableBytes out) {
  TD_CHECK(codec != Codec::kNone);
  return codec == Codec::kLz4 ? compress_lz4(raw, out) : compress_zstd(raw, out);
}

core::Result<size_t> Compressor::compress_zstd(Bytes raw, MutableBytes out) {
  if (!zstd_) zstd_.reset(ZSTD_createCCtx());
  if (!zstd_) return core::fail("no memory for zstd");
  const size_t size = ZSTD_compressCCtx(zstd_.get(), out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  if (ZSTD_isError(size) == 0) return size;
  if (ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall) return 0;
  return core::fail("zstd failed on a block of {} bytes: {}", raw.size(), ZSTD_getErrorName(size));
}

bool Decompressor::decompress(Codec codec, Bytes compressed, MutableBytes raw) {
  switch (codec) {
    case Codec::kNone: break;
    case Codec::kLz4: return decompress_lz4(compressed, raw);
    case Codec::kZstd: return decompress_zstd(compressed, raw);
  }
  return false;
}

bool Decompressor::decompress_zstd(Bytes compressed, MutableBytes raw) {
  if (!is_one_zstd_frame(compressed, raw.size())) return false;
  if (!zstd_) zstd_.reset(ZSTD_createDCtx());
  TD_CHECK(zstd_ != nullptr);
  return ZSTD_decompressDCtx(zstd_.get(), raw.data(), raw.size(), compressed.data(), compressed.size()) == raw.size();
}

void Compressor::Free::operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
void Decompressor::Free::operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }

}  // namespace tapedeck::tape
