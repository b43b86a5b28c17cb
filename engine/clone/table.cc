#include "engine/clone/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/crc32c.h"

namespace tapedeck::clone {
namespace {

// Large enough that the list of chunks is short to copy, small enough that a chunk is.
constexpr size_t kChunkEntries = 256;

auto place_of(const std::vector<EntryPointer>& chunk, std::string_view key) {
  return std::ranges::lower_bound(chunk, key, {},
                                  [](const EntryPointer& entry) { return std::string_view(entry->key); });
}

}  // namespace

Table::Table() : chunks_(std::make_shared<Chunks>()) {}

// The chunk in which the key is, or would be: the last one that does not begin behind it.
size_t Table::chunk_for(std::string_view key) const {
  const auto behind = std::ranges::upper_bound(*chunks_, key, {},
                                               [](const auto& chunk) { return std::string_view(chunk->front()->key); });
  return behind == chunks_->begin() ? 0 : static_cast<size_t>(behind - chunks_->begin()) - 1;
}

Table::Chunks& Table::own_chunks() {
  if (chunks_.use_count() > 1) chunks_ = std::make_shared<Chunks>(*chunks_);
  return *chunks_;
}

Table::Chunk& Table::own_chunk(size_t index) {
  std::shared_ptr<Chunk>& chunk = own_chunks()[index];
  if (chunk.use_count() > 1) chunk = std::make_shared<Chunk>(*chunk);
  return *chunk;
}

void Table::split(size_t index) {
  Chunk& chunk = own_chunk(index);
  // Keys that come in order leave full chunks behind.
  const bool at_end = index + 1 == chunks_->size();
  const auto middle = chunk.begin() + static_cast<ptrdiff_t>(at_end ? chunk.size() - 1 : chunk.size() / 2);
  auto upper = std::make_shared<Chunk>(middle, chunk.end());
  chunk.erase(middle, chunk.end());
  Chunks& chunks = own_chunks();
  chunks.insert(chunks.begin() + static_cast<ptrdiff_t>(index) + 1, std::move(upper));
}

bool Table::set(EntryPointer entry) {
  if (chunks_->empty()) {
    own_chunks().push_back(std::make_shared<Chunk>(1, std::move(entry)));
    size_ = 1;
    return true;
  }
  const size_t index = chunk_for(entry->key);
  Chunk& chunk = own_chunk(index);
  const auto place = place_of(chunk, entry->key);
  if (place != chunk.end() && (*place)->key == entry->key) {
    chunk[static_cast<size_t>(place - chunk.begin())] = std::move(entry);
    return false;
  }
  chunk.insert(place, std::move(entry));
  ++size_;
  if (chunk.size() > kChunkEntries) split(index);
  return true;
}

bool Table::erase(std::string_view key) {
  if (chunks_->empty()) return false;
  const size_t index = chunk_for(key);
  const auto found = place_of(*(*chunks_)[index], key);
  if (found == (*chunks_)[index]->end() || (*found)->key != key) return false;
  const auto offset = found - (*chunks_)[index]->begin();
  Chunk& chunk = own_chunk(index);
  chunk.erase(chunk.begin() + offset);
  if (chunk.empty()) own_chunks().erase(chunks_->begin() + static_cast<ptrdiff_t>(index));
  --size_;
  return true;
}

EntryPointer Table::find(std::string_view key) const {
  EntryPointer entry = at(key).next_pointer();
  return entry && entry->key == key ? entry : nullptr;
}

bool Table::Cursor::take() {
  const Chunks& chunks = *table_->chunks_;
  if (chunk_ < chunks.size() && index_ == chunks[chunk_]->size()) {
    ++chunk_;
    index_ = 0;
  }
  if (chunk_ == chunks.size()) return false;
  last_ = &(*chunks[chunk_])[index_++];
  return true;
}

Table::Cursor Table::at(std::string_view key) const {
  Cursor cursor;
  cursor.table_ = this;
  if (chunks_->empty()) return cursor;
  cursor.chunk_ = chunk_for(key);
  const Chunk& chunk = *(*chunks_)[cursor.chunk_];
  cursor.index_ = static_cast<size_t>(place_of(chunk, key) - chunk.begin());
  return cursor;
}

std::vector<EntryPointer> Table::list(std::string_view subtree) const {
  std::vector<EntryPointer> found;
  Cursor cursor = at(subtree);
  for (EntryPointer entry = cursor.next_pointer(); entry && entry->key.starts_with(subtree);
       entry = cursor.next_pointer()) {
    found.push_back(std::move(entry));
  }
  return found;
}

// splitmix64's finalizer over the CRC32C of key, NUL, value.
uint64_t digest_of(std::string_view key, std::string_view value) {
  constexpr std::string_view kNul{"\0", 1};
  uint64_t x =
      core::crc32c(core::as_bytes(value), core::crc32c(core::as_bytes(kNul), core::crc32c(core::as_bytes(key))));
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t digest_of(const Table& table) {
  uint64_t sum = 0;
  Table::Cursor cursor = table.at({});
  while (const Entry* entry = cursor.next()) sum += digest_of(entry->key, entry->value);
  return sum;
}

std::string format_digest(uint64_t digest) { return fmt::format("{:016x}", digest); }

}  // namespace tapedeck::clone
