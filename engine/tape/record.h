// A record, as it is handed to the writer and as it is read in place. Neither owns its payload.
#pragma once

#include <iterator>

#include "engine/tape/format.h"

namespace tapedeck::tape {

// What a writer is given for one message.
struct Record {
  Nanos capture_time{};
  Nanos source_time{};  // by the sender's clock; 0 where it gave none
  TopicId topic{};
  SourceId source{};
  Ordinal ordinal{};  // its place in the order of arrival at its source
  Bytes payload{};
};

// One record inside a block's bytes, which must outlive it. Any alignment; no copy.
class RecordView {
 public:
  RecordView(const std::byte* at, bool has_source_time) : at_(at), payload_offset_(payload_offset(has_source_time)) {}

  [[nodiscard]] Nanos capture_time() const { return Nanos(core::load_le<uint64_t>(at_)); }
  [[nodiscard]] TopicId topic() const { return TopicId(core::load_le<uint32_t>(at_ + 8)); }
  // 0 where the block or the source has none.
  [[nodiscard]] Nanos source_time() const {
    return Nanos(payload_offset_ == kRecordHeadSize ? 0 : core::load_le<uint64_t>(at_ + kRecordHeadSize));
  }
  [[nodiscard]] Bytes payload() const { return {at_ + payload_offset_, payload_size()}; }
  // The whole record with its head and padding: what digests are computed over.
  [[nodiscard]] Bytes bytes() const { return {at_, core::align8(payload_offset_ + payload_size())}; }

 private:
  [[nodiscard]] uint32_t payload_size() const { return core::load_le<uint32_t>(at_ + 12); }

  const std::byte* at_;
  size_t payload_offset_;
};

// The records of a run of bytes, in order: `for (RecordView record : RecordRange(...))`. A record that does not fit in
// the bytes ends the walk, so that a forged block is never read past its end.
class RecordRange {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RecordView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = RecordView;

    Iterator(const std::byte* at, const std::byte* end, bool has_source_time)
        : at_(at), end_(end), has_source_time_(has_source_time) {
      stop_if_cut();
    }
    RecordView operator*() const { return {at_, has_source_time_}; }
    Iterator& operator++() {
      at_ += size_;
      stop_if_cut();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    void stop_if_cut() {
      const auto left = static_cast<size_t>(end_ - at_);
      if (left < kRecordHeadSize) {
        at_ = end_;
        return;
      }
      size_ = record_size(core::load_le<uint32_t>(at_ + 12), has_source_time_);
      if (size_ > left) at_ = end_;
    }

    const std::byte* at_;
    const std::byte* end_;
    size_t size_ = 0;
    bool has_source_time_;
  };

  RecordRange() = default;
  RecordRange(Bytes bytes, bool has_source_time) : bytes_(bytes), has_source_time_(has_source_time) {}

  [[nodiscard]] Iterator begin() const { return {bytes_.data(), bytes_.data() + bytes_.size(), has_source_time_}; }
  [[nodiscard]] Iterator end() const {
    return {bytes_.data() + bytes_.size(), bytes_.data() + bytes_.size(), has_source_time_};
  }
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] bool has_source_time() const { return has_source_time_; }

 private:
  Bytes bytes_;
  bool has_source_time_ = false;
};

}  // namespace tapedeck::tape
