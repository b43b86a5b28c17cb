// A hash map for small keys and values in one array, with linear probing: for lookups on the hot path, where a
// node-based map would miss the cache. Grows by doubling and never forgets; whoever inserts bounds the number of
// entries. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tapedeck::core {

// Spreads the bits of a word over all of them (the finalizer of SplitMix64).
[[nodiscard]] constexpr uint64_t mix(uint64_t v) {
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
  v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
  return v ^ (v >> 31);
}

// `Hash` gives a well mixed uint64_t.
template <class Key, class Value, class Hash>
class FlatMap {
 public:
  [[nodiscard]] size_t size() const { return size_; }

  // Null where there is none; valid until the next insert.
  [[nodiscard]] Value* find(const Key& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  [[nodiscard]] const Value* find(const Key& key) const {
    const Slot& slot = slots_[index_of(key)];
    return slot.used ? &slot.value : nullptr;
  }

  // The key must not be in the map yet.
  void insert(const Key& key, const Value& value) {
    if (size_ * 2 >= slots_.size()) grow();
    slots_[index_of(key)] = {key, value, true};
    ++size_;
  }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  // Of the slot with this key, or of the free one where it belongs.
  [[nodiscard]] size_t index_of(const Key& key) const {
    const size_t mask = slots_.size() - 1;
    const Hash hash;
    size_t at = hash(key) & mask;
    while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    for (const Slot& slot : old) {
      if (slot.used) slots_[index_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  size_t size_ = 0;
};

}  // namespace tapedeck::core
