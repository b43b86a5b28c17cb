#include <gtest/gtest.h>

#include <random>

#include "engine/core/crc32c.h"
#include "engine/tape/digest.h"
#include "engine/transport/datagram_reader.h"

namespace tapedeck::transport {
namespace {

using Bytes = std::vector<std::byte>;

// A frame of a run of `blocks` blocks, of 40 records with payloads of `payload(i)` bytes each.
Bytes make_frame(tape::Codec codec, const std::function<size_t(size_t)>& payload, size_t blocks = 2) {
  tape::BlockBuilder builder(core::TapeId(8), core::Lane(3), /*has_source_time=*/true, 1u << 20);
  Bytes frame(kHeadroom);
  uint32_t records = 0;
  for (size_t block = 0; block < blocks; ++block) {
    for (size_t i = 0; i < 40; ++i) {
      std::string text(payload(i), 'a');
      for (size_t at = 0; at < text.size(); at += 7) text[at] = static_cast<char>(records + at);
      builder.add({.capture_time = core::Nanos(1000 + records),
                   .source_time = core::Nanos(records),
                   .topic = core::TopicId(1),
                   .source = {},
                   .ordinal = core::Ordinal(records),
                   .payload = core::as_bytes(text)});
      ++records;
    }
    const auto sealed = builder.seal(codec);
    frame.insert(frame.end(), sealed->begin(), sealed->end());
  }
  stamp_envelope(core::MutableBytes(frame).first(kHeadroom),
                 {.lane = 3,
                  .publisher = 77,
                  .record_count = records,
                  .tape = 8,
                  .run_bytes = static_cast<uint32_t>(frame.size() - kHeadroom)});
  return frame;
}

// The datagrams that a message is cut into, each with the garbage of a slot behind it.
std::vector<Bytes> cut(core::Bytes message, size_t datagram_bytes) {
  std::vector<Bytes> datagrams;
  DatagramBatch batch(3, datagram_bytes);
  const auto flush = [&] {
    for (size_t i = 0; i < batch.count(); ++i) {
      const core::Bytes slot = batch.slots().subspan(i * datagram_bytes, datagram_bytes);
      datagrams.emplace_back(slot.begin(), slot.end());
    }
    batch.clear();
    return true;
  };
  DatagramCutter cutter(batch, flush);
  EXPECT_TRUE(cutter.cut(message));
  flush();
  EXPECT_TRUE(cutter.records_lost().empty());
  return datagrams;
}

// Puts datagrams together as a receiver does, and adds up their records; what it passes on is in order.
struct Receiver {
  LaneSequencer sequencer{1000, 1u << 20,
                          [this](const Envelope& envelope, core::Bytes frame) { add(envelope, frame); }};
  DatagramReader reader{sequencer, [](core::Bytes) {}};
  uint64_t next = 0;
  tape::LaneDigest digest;
  size_t bad = 0;

  void take(core::Bytes datagram, int64_t now_ns = 0) { bad += reader.take(datagram, now_ns) ? 0 : 1; }
  void add(const Envelope& envelope, core::Bytes frame) {
    EXPECT_GE(envelope.wire_sequence, next);
    next = envelope.wire_sequence + envelope.record_count;
    tape::BlockOpener opener;
    tape::BlockView block;
    ASSERT_EQ(opener.open(run_of(frame), block), tape::Damage::kNone);
    EXPECT_EQ(tape::check_records(block), tape::Damage::kNone);
    digest.add(block.size(), block.header.raw_crc, block.header.raw_size);
  }
};

tape::LaneDigest digest_of(core::Bytes frame) {
  tape::LaneDigest digest;
  tape::BlockOpener opener;
  tape::BlockView block;
  for (core::Bytes run = run_of(frame); !run.empty(); run = run.subspan(tape::frame_size(block.header))) {
    EXPECT_EQ(opener.open(run, block), tape::Damage::kNone);
    digest.add(block.size(), block.header.raw_crc, block.header.raw_size);
  }
  return digest;
}
size_t hundred(size_t) { return 100; }

void expect_whole(core::Bytes frame, const std::vector<Bytes>& datagrams) {
  Receiver receiver;
  for (const Bytes& datagram : datagrams) receiver.take(datagram);
  EXPECT_EQ(receiver.bad, 0u);
  EXPECT_EQ(receiver.digest, digest_of(frame));
}

TEST(Datagrams, EachMakesSenseAloneAndTogetherTheyAreTheFrame) {
  for (const tape::Codec codec : {tape::Codec::kNone, tape::Codec::kLz4, tape::Codec::kZstd}) {
    for (const size_t datagram_bytes : {300u, 548u, 1472u, 8972u, 65507u}) {
      const Bytes frame = make_frame(codec, [](size_t i) { return 3 * i; });
      const std::vector<Bytes> datagrams = cut(frame, datagram_bytes);
      for (const Bytes& datagram : datagrams) {
        Envelope envelope;
        core::Bytes whole;
        EXPECT_TRUE(read_datagram(datagram, envelope, whole));
      }
      expect_whole(frame, datagrams);
    }
  }
}

TEST(Datagrams, CompressedBlocksAreCompressedInThemToo) {
  const Bytes frame = make_frame(tape::Codec::kLz4, hundred, 20);
  const Bytes uncompressed = make_frame(tape::Codec::kNone, hundred, 20);
  EXPECT_LT(cut(frame, 1472).size() * 3, cut(uncompressed, 1472).size() * 2);
}

TEST(Datagrams, ARecordThatIsLargerThanOneGoesInFragments) {
  for (const tape::Codec codec : {tape::Codec::kNone, tape::Codec::kLz4}) {
    std::mt19937 random(7);  // so that lz4 does not make it small
    const Bytes frame = make_frame(codec, [](size_t i) { return i == 17 ? size_t{50'000} : size_t{10}; });
    expect_whole(frame, cut(frame, 1472));
  }
}

TEST(Datagrams, InBandMessagesGoInFragmentsWhateverTheirOrder) {
  Bytes message(10'000);
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i * i);
  std::vector<Bytes> datagrams = cut(message, 1472);
  std::shuffle(datagrams.begin(), datagrams.end(), std::mt19937(1));
  FragmentAssembler assembler;
  std::optional<FragmentAssembler::Whole> whole;
  for (const Bytes& datagram : datagrams) {
    EXPECT_FALSE(whole);
    Fragment fragment;
    ASSERT_TRUE(read_fragment(datagram, fragment));
    whole = assembler.add(fragment);
  }
  ASSERT_TRUE(whole);
  EXPECT_TRUE(std::ranges::equal(whole->bytes(), message));
}

TEST(Datagrams, AMessageThatIsRepeatedFillsItsHoles) {
  const Bytes message(10'000, std::byte{5});
  const std::vector<Bytes> datagrams = cut(message, 1472);
  FragmentAssembler assembler;
  Fragment fragment;
  for (size_t i = 0; i < datagrams.size(); ++i) {
    if (i == 3) continue;
    ASSERT_TRUE(read_fragment(datagrams[i], fragment));
    EXPECT_FALSE(assembler.add(fragment));
  }
  ASSERT_TRUE(read_fragment(datagrams[3], fragment));
  const auto whole = assembler.add(fragment);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(std::ranges::equal(whole->bytes(), message));
}

// As nobody sends them: each of them would be a piece of its own.
TEST(Datagrams, FragmentsOfAByteEachTakeNoMemoryWithoutBounds) {
  const Bytes message(20'000, std::byte{5});
  Fragment fragment{.message_crc = core::crc32c(message), .message_bytes = 20'000};
  FragmentAssembler assembler;
  const auto add = [&](uint32_t offset) {
    fragment.offset = offset;
    fragment.bytes = core::Bytes(message).subspan(offset, 1);
    return assembler.add(fragment).has_value();
  };
  for (uint32_t i = 0; i < message.size(); i += 2) EXPECT_FALSE(add(i));
  for (uint32_t i = 1; i < message.size(); i += 2) EXPECT_FALSE(add(i));  // too many were let go
  bool is_whole = false;
  for (uint32_t i = 0; i < message.size() && !is_whole; ++i) is_whole = add(i);
  EXPECT_TRUE(is_whole);
}

TEST(Datagrams, WhatIsForgedOrCutIsNone) {
  const Bytes frame = make_frame(tape::Codec::kNone, hundred);
  const Bytes message(3000, std::byte{5});
  for (Bytes datagram : {cut(frame, 1472).front(), cut(message, 1472).front()}) {
    for (size_t i = 0; i < 1300; i += 4) {  // behind that may be a slot's garbage
      Envelope envelope;
      core::Bytes whole;
      Fragment fragment;
      const core::Bytes cut_short = core::Bytes(datagram).first(i);
      EXPECT_FALSE(read_datagram(cut_short, envelope, whole) || read_fragment(cut_short, fragment)) << i;
      datagram[i] ^= std::byte{0x10};
      EXPECT_FALSE(read_datagram(datagram, envelope, whole) || read_fragment(datagram, fragment)) << i;
      datagram[i] ^= std::byte{0x10};
    }
  }
}

TEST(LaneSequencer, AHoleIsFilledFromASecondLineAndTheRestTrimmed) {
  const Bytes frame = make_frame(tape::Codec::kNone, hundred);
  const std::vector<Bytes> datagrams = cut(frame, 548);
  Receiver receiver;
  for (size_t i = 0; i < datagrams.size(); ++i) {
    if (i % 3 != 1) receiver.take(datagrams[i]);
    if (i >= 4 && i % 5 != 0) receiver.take(datagrams[i - 4]);  // a line that is behind, and has other holes
  }
  for (const Bytes& datagram : datagrams) receiver.take(datagram);
  EXPECT_EQ(receiver.digest, digest_of(frame));
  EXPECT_GT(receiver.sequencer.repeated(), 0u);
}

TEST(LaneSequencer, LinesThatAreCutDifferentlyAreTrimmedRecordByRecord) {
  const Bytes frame = make_frame(tape::Codec::kLz4, [](size_t i) { return i; });
  const std::vector<Bytes> small = cut(frame, 400);
  const std::vector<Bytes> large = cut(frame, 1472);
  Receiver receiver;
  for (size_t i = 0; i < std::max(small.size(), large.size()); ++i) {
    if (i < small.size()) receiver.take(small[i]);
    if (i < large.size()) receiver.take(large[i]);
  }
  EXPECT_EQ(receiver.digest.records, digest_of(frame).records);
}

TEST(LaneSequencer, OfTwoThatWaitWithTheSameFirstRecordTheOneWithMoreIsKept) {
  const Bytes frame = make_frame(tape::Codec::kNone, hundred);
  const std::vector<Bytes> blocks = cut(frame, 65'507);
  const std::vector<Bytes> small = cut(frame, 548);
  ASSERT_EQ(blocks.size(), 2u);
  Receiver receiver;
  receiver.take(small[small.size() / 2]);  // the first of the second block
  receiver.take(blocks[1]);
  receiver.take(small[small.size() / 2]);
  receiver.take(blocks[0]);
  EXPECT_EQ(receiver.digest, digest_of(frame));
}

TEST(LaneSequencer, AHoleThatNobodyFillsIsLetGoAfterAWhile) {
  const Bytes frame = make_frame(tape::Codec::kNone, hundred);
  const std::vector<Bytes> datagrams = cut(frame, 548);
  Receiver receiver;
  for (size_t i = 0; i < datagrams.size(); ++i) {
    if (i != 2) receiver.take(datagrams[i], /*now_ns=*/100);
  }
  const uint64_t before = receiver.next;
  receiver.sequencer.expire(100 + 999);
  EXPECT_EQ(receiver.next, before);
  receiver.sequencer.expire(100 + 1000);
  EXPECT_EQ(receiver.next, 80u);
  EXPECT_LT(receiver.digest.records, 80u);
}

TEST(LaneSequencer, TheEndIsCompleteWhenEveryLaneIs) {
  const Bytes frame = make_frame(tape::Codec::kNone, hundred);
  Receiver receiver;
  const auto end = [](uint64_t records) {
    return EndOfTape{.publisher = 77, .records_sent = {{core::Lane(3), records}, {core::Lane(4), 0}}};
  };
  EXPECT_FALSE(receiver.sequencer.is_complete(end(80)));
  for (const Bytes& datagram : cut(frame, 548)) receiver.take(datagram);
  EXPECT_TRUE(receiver.sequencer.is_complete(end(80)));
  EXPECT_FALSE(receiver.sequencer.is_complete(end(81)));
}

}  // namespace
}  // namespace tapedeck::transport
