// Keys and values in the order of the keys. A copy is a version: it costs one pointer, never changes when the original
// does, and shares with it all that has not changed since (docs/decisions/0007-versions-of-a-table.md). Entries are
// immutable and may outlive the table, on any thread; a table and its copies belong to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck::clone {

struct Entry {
  std::string key;
  std::string value;
  uint64_t sequence = 0;  // of the update that set it
};
using EntryPointer = std::shared_ptr<const Entry>;

class Table {
 public:
  Table();

  // O(log n). set() tells whether the key is new, erase() whether it was there.
  bool set(EntryPointer entry);
  bool erase(std::string_view key);
  [[nodiscard]] EntryPointer find(std::string_view key) const;
  [[nodiscard]] size_t size() const { return size_; }

  // A place between two entries, good until the table changes. next() gives the entry behind it and goes on, or
  // nullptr at the end.
  class Cursor {
   public:
    [[nodiscard]] const Entry* next() { return take() ? last_->get() : nullptr; }
    [[nodiscard]] EntryPointer next_pointer() { return take() ? *last_ : nullptr; }

   private:
    friend class Table;
    bool take();
    const Table* table_ = nullptr;
    size_t chunk_ = 0;
    size_t index_ = 0;
    const EntryPointer* last_ = nullptr;
  };
  // Before the first key that is not less than `key`.
  [[nodiscard]] Cursor at(std::string_view key) const;
  // All entries whose key begins with `subtree`, in order. Costs what they cost.
  [[nodiscard]] std::vector<EntryPointer> list(std::string_view subtree) const;

 private:
  using Chunk = std::vector<EntryPointer>;             // never empty
  using Chunks = std::vector<std::shared_ptr<Chunk>>;  // whose order is that of their keys

  [[nodiscard]] size_t chunk_for(std::string_view key) const;
  Chunks& own_chunks();
  Chunk& own_chunk(size_t index);
  void split(size_t index);

  std::shared_ptr<Chunks> chunks_;
  size_t size_ = 0;
};

// The sum over all keys of what each contributes: the same for two tables with the same keys and values, whatever their
// history, and by accident only in one of billions of others. See docs/clone-protocol.md, "Digest".
[[nodiscard]] uint64_t digest_of(std::string_view key, std::string_view value);
[[nodiscard]] uint64_t digest_of(const Table& table);
[[nodiscard]] std::string format_digest(uint64_t digest);  // 16 hex digits

}  // namespace tapedeck::clone
