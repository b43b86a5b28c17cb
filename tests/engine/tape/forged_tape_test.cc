// Tapes whose checksums all hold, and which make no sense: no reader may crash, run for ever, or ask for memory without
// bound. Run under AddressSanitizer this finds what reads past an end.
#include <random>

#include "engine/tape/index_reader.h"
#include "tests/engine/tape/tape_fixture.h"

namespace tapedeck::tape {
namespace {

namespace fs = std::filesystem;

struct FramePlace {
  size_t offset;
  size_t size;
};

class ForgedTapeTest : public TapeTest, public ::testing::WithParamInterface<Codec> {
 protected:
  ForgedTapeTest() {
    write_small_tape(tape_, GetParam());
    for (const fs::path& file : files_in(tape_)) {
      if (file.extension() == ".seg") files_.push_back(file);
    }
  }

  static std::vector<FramePlace> frames_in(const fs::path& file) {
    std::vector<FramePlace> frames;
    SegmentHeader expected;
    auto scanner = SegmentScanner::open(file, expected);
    while (scanner && scanner->next().value() == SegmentScanner::Item::kFrame) {
      frames.push_back({scanner->frame().offset, scanner->frame().bytes.size()});
    }
    return frames;
  }

  void read_everything() {
    const auto tape = TapeReader::open(tape_, {.topic_blocks = true});
    if (!tape) return;
    std::vector<DamageReport> damage = tape->damage();
    const auto verification = verify(*tape);
    ASSERT_TRUE(verification) << verification.error().message;
    (void)digest_of(*tape, damage);
    (void)read_lanes(*tape, damage);
    (void)read_in_order(*tape, damage);
    (void)tape->losses();
  }

  const fs::path tape_ = folder_ / "t";
  std::vector<fs::path> files_;
};

INSTANTIATE_TEST_SUITE_P(Codecs, ForgedTapeTest, ::testing::ValuesIn(kCodecs),
                         [](const auto& test) { return std::string(codec_name(test.param)); });

TEST_P(ForgedTapeTest, WithAnyByteOfAnyHeaderOrFooterChangedIsSurvived) {
  for (const fs::path& file : files_) {
    const std::string sound = load(file);
    std::vector<size_t> headers = {0, sound.size() - kHeaderSize};
    for (const FramePlace& frame : frames_in(file)) headers.push_back(frame.offset);
    for (const size_t header : headers) {
      for (size_t i = 0; i < kHeaderSize - 4; ++i) {
        for (const int bits : {0x01, 0xff}) {
          SCOPED_TRACE(fmt::format("byte {} of the header at {} of {} ^ {}", i, header, file.string(), bits));
          std::string forged = sound;
          forged[header + i] = static_cast<char>(forged[header + i] ^ bits);
          sign_header(forged, header);
          store(file, forged);
          read_everything();
        }
      }
    }
    store(file, sound);
  }
}

TEST_P(ForgedTapeTest, WithAnyByteOfAnyFrameChangedIsSurvived) {
  for (const fs::path& file : files_) {
    const std::string sound = load(file);
    for (const FramePlace& frame : frames_in(file)) {
      for (size_t i = kHeaderSize; i < frame.size; ++i) {
        for (const int bits : {0x01, 0xff}) {
          SCOPED_TRACE(fmt::format("byte {} of the frame at {} of {} ^ {}", i, frame.offset, file.string(), bits));
          std::string forged = sound;
          forged[frame.offset + i] = static_cast<char>(forged[frame.offset + i] ^ bits);
          sign_frame(forged, frame.offset, frame.size);
          store(file, forged);
          read_everything();
        }
      }
    }
    store(file, sound);
  }
}

TEST_P(ForgedTapeTest, WithManyBytesChangedAtOnceIsSurvived) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    const fs::path& file = files_[random() % files_.size()];
    const std::string sound = load(file);
    std::string forged = sound;
    for (const FramePlace& frame : frames_in(file)) {
      for (uint64_t n = random() % 4; n > 0; --n) {
        forged[frame.offset + 16 + random() % (frame.size - 16)] = static_cast<char>(random());
      }
      sign_frame(forged, frame.offset, frame.size);
    }
    store(file, forged);
    SCOPED_TRACE(fmt::format("round {}, {}", round, file.string()));
    read_everything();
    store(file, sound);
  }
}

}  // namespace
}  // namespace tapedeck::tape
