#include "engine/tape/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <string>

namespace tapedeck::tape {
namespace {

class CodecTest : public ::testing::TestWithParam<Codec> {
 protected:
  CodecTest() {
    for (int i = 0; i < 300; ++i) text_ += fmt::format("bid {} x {};", i, i * 7919 % 100);
  }

  std::vector<std::byte> compress(std::string_view text) {
    std::vector<std::byte> out(text.size() + 1000);
    const auto size = compressor_.compress(GetParam(), core::as_bytes(text), out);
    EXPECT_TRUE(size) << size.error().message;
    out.resize(size.value_or(0));
    return out;
  }

  // Into a place of `size` bytes, with guards around it.
  bool decompress(Bytes compressed, size_t size) {
    std::vector<std::byte> place(size + 16, std::byte{0xee});
    const bool good = decompressor_.decompress(GetParam(), compressed, MutableBytes(place).subspan(8, size));
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(place[i], std::byte{0xee});
      EXPECT_EQ(place[size + 8 + i], std::byte{0xee});
    }
    raw_ = core::as_text(Bytes(place).subspan(8, size));
    return good;
  }

  std::string text_;
  std::string raw_;
  Compressor compressor_;
  Decompressor decompressor_;
};

INSTANTIATE_TEST_SUITE_P(Codecs, CodecTest, ::testing::Values(Codec::kLz4, Codec::kZstd),
                         [](const auto& test) { return std::string(codec_name(test.param)); });

TEST_P(CodecTest, GivesBackWhatItWasGivenAgainAndAgain) {
  for (const std::string& text : {text_, text_.substr(500), std::string(1u << 20, 'x'), std::string("12345678")}) {
    const auto compressed = compress(text);
    ASSERT_TRUE(decompress(compressed, text.size()));
    EXPECT_EQ(raw_, text);
  }
}

TEST_P(CodecTest, GivesNothingWhereThereIsTooLittleRoom) {
  const size_t size = compress(text_).size();
  ASSERT_LT(size, text_.size());
  std::vector<std::byte> out(size);
  EXPECT_EQ(compressor_.compress(GetParam(), core::as_bytes(text_), MutableBytes(out).first(size / 2)).value(), 0u);
  EXPECT_EQ(compressor_.compress(GetParam(), core::as_bytes(text_), {}).value(), 0u);
}

TEST_P(CodecTest, RefusesWhatIsOfAnotherSize) {
  const auto compressed = compress(text_);
  EXPECT_FALSE(decompress(compressed, text_.size() - 1));
  EXPECT_FALSE(decompress(compressed, text_.size() + 1));
  EXPECT_FALSE(decompress(compressed, 0));
}

TEST_P(CodecTest, RefusesWhatIsCutOrHasSomethingBehindIt) {
  auto compressed = compress(text_);
  for (size_t size = 0; size < compressed.size(); ++size) {
    EXPECT_FALSE(decompress(Bytes(compressed).first(size), text_.size())) << size;
  }
  compressed.push_back(std::byte{});
  EXPECT_FALSE(decompress(compressed, text_.size()));
}

TEST_P(CodecTest, SurvivesAnyByteChanged) {
  const auto compressed = compress(text_);
  for (size_t i = 0; i < compressed.size(); ++i) {
    for (const int bits : {0x01, 0x80, 0xff}) {
      auto forged = compressed;
      forged[i] ^= std::byte(bits);
      (void)decompress(forged, text_.size());
    }
  }
}

// What zstd would decompress, and the format does not have.
class ZstdFrame : public ::testing::Test {
 protected:
  static std::vector<std::byte> frame(std::string_view text, bool with_size = true) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
    std::vector<std::byte> out(ZSTD_compressBound(text.size()));
    out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
    ZSTD_freeCCtx(context);
    return out;
  }

  static std::vector<std::byte> joined(std::vector<std::byte> one, const std::vector<std::byte>& two) {
    core::append_bytes(one, two);
    return one;
  }

  bool decompress(const std::vector<std::byte>& compressed, size_t size) {
    std::vector<std::byte> raw(size);
    return decompressor_.decompress(Codec::kZstd, compressed, raw);
  }

  Decompressor decompressor_;
};

TEST_F(ZstdFrame, OfAnotherProgramIsRead) { EXPECT_TRUE(decompress(frame("12345678"), 8)); }

TEST_F(ZstdFrame, WithoutTheSizeOfItsContentIsRefused) { EXPECT_FALSE(decompress(frame("12345678", false), 8)); }

TEST_F(ZstdFrame, FollowedOrPrecededByAnotherIsRefused) {
  EXPECT_FALSE(decompress(joined(frame("1234"), frame("5678")), 8));
  EXPECT_FALSE(decompress(joined(frame("12345678"), frame("")), 8));
  const std::vector<std::byte> skippable = {std::byte{0x50}, std::byte{0x2a}, std::byte{0x4d}, std::byte{0x18},
                                            std::byte{0},    std::byte{0},    std::byte{0},    std::byte{0}};
  EXPECT_FALSE(decompress(joined(frame("12345678"), skippable), 8));
  EXPECT_FALSE(decompress(joined(skippable, frame("12345678")), 8));
}

TEST(Decompressor, KnowsNoOtherCodecs) {
  std::vector<std::byte> raw(8);
  EXPECT_FALSE(Decompressor().decompress(Codec::kNone, raw, raw));
  EXPECT_FALSE(Decompressor().decompress(Codec{3}, raw, raw));
}

TEST(CodecName, IsWhatTheCodecIsFoundBy) {
  EXPECT_THAT(codec_names(), ::testing::ElementsAre("none", "lz4", "zstd"));
  for (const Codec codec : kCodecs) EXPECT_EQ(codec_named(codec_name(codec)), codec);
  EXPECT_EQ(codec_named("zip"), std::nullopt);
  EXPECT_EQ(codec_name(Codec{3}), "unknown");
}

}  // namespace
}  // namespace tapedeck::tape
