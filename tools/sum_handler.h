// The handler of the Black Boxes that the commands run: reads every byte of every payload that it wants and adds it up.
#pragma once

#include <optional>

#include "engine/blackbox/topic_filter.h"

namespace tapedeck::tools {

// What all handlers of the box have seen; each adds its share when it is destroyed, one after the other.
struct Totals {
  uint64_t records = 0;  // that were wanted
  uint64_t payload_sum = 0;
  uint64_t payload_bytes = 0;
};

// Adds up all 8-byte little-endian words of the payloads, the last padded with zeros, as it is on the tape: whoever
// adds these has read everything.
class SumHandler final : public blackbox::Handler {
 public:
  // `filter`: none wants all.
  explicit SumHandler(Totals& totals, std::optional<blackbox::TopicFilter> filter = {})
      : totals_(totals), filter_(std::move(filter)) {}
  SumHandler(const SumHandler&) = delete;
  SumHandler& operator=(const SumHandler&) = delete;
  ~SumHandler() override {
    totals_.payload_sum += sum_;
    totals_.payload_bytes += bytes_;
    totals_.records += records_;
  }

  void on_block(const blackbox::Block& block) override {
    if (!filter_) return add(block, [](const tape::RecordView&) { return true; });
    filter_->learn(block.topics);
    add(block, [this](const tape::RecordView& record) { return filter_->wants(record.topic()); });
  }

 private:
  template <class Wants>
  void add(const blackbox::Block& block, const Wants& wants) {
    uint64_t sum = 0;
    uint64_t sum2 = 0;  // every second word, so that no addition waits for the one before it
    uint64_t bytes = 0;
    uint64_t records = 0;
    for (const tape::RecordView record : block.records) {
      if (!wants(record)) continue;
      ++records;
      const core::Bytes payload = record.payload();
      const std::byte* at = payload.data();
      const std::byte* const end = record.bytes().data() + record.bytes().size();  // behind the padding
      for (; end - at >= 16; at += 16) {
        sum += core::load_le<uint64_t>(at);
        sum2 += core::load_le<uint64_t>(at + 8);
      }
      if (at != end) sum += core::load_le<uint64_t>(at);
      bytes += payload.size();
    }
    sum_ += sum + sum2;
    bytes_ += bytes;
    records_ += records;
  }

  Totals& totals_;
  std::optional<blackbox::TopicFilter> filter_;
  uint64_t records_ = 0;
  uint64_t sum_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace tapedeck::tools
