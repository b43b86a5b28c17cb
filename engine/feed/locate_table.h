// Which topic each stock locate of one session stands for. Locates are numbers of 16 bits that a feed deals out anew
// each day and names in directory messages, often after their first use. The names hold for a *session* of the sender:
// the two lines A and B of a feed share one session and so one table, the feeds of two markets never mix, and a new
// session starts with a table without names. A locate that is first used unnamed gets a topic FEED/@LOCATE, which is
// renamed when a message names it, whatever is written already; one that later names another symbol goes on in another
// topic, and the earlier topic keeps its name. One thread; a lookup is two array accesses.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/feed/sequence_tracker.h"
#include "engine/feed/topic_book.h"

namespace tapedeck::feed {

class LocateTable {
 public:
  LocateTable(std::string_view feed, TopicBook& book) : feed_(feed), book_(&book) {}

  // `symbol`, where the message has one, is 8 characters as they stand in it, padded with spaces. Blank symbols, and
  // locate 0, which stands for no instrument, name nothing.
  [[nodiscard]] TopicPlace place(uint16_t locate, uint64_t symbol = 0) {
    Entry& e = entry(locate);
    const bool is_new = !e.used;
    const bool is_renamed = (symbol != 0) & (symbol != e.symbol);  // no branch: nothing foretells which has a symbol
    if (is_new | is_renamed) [[unlikely]] {
      name(e, locate, symbol);
    }
    return {e.topic, e.lane};
  }

 private:
  static constexpr size_t kPageSize = 256;
  struct Entry {
    uint64_t symbol = 0;  // as in the message; 0: not named yet
    core::TopicId topic{};
    core::Lane lane{};
    bool used = false;

    void go_to(TopicPlace place) {
      topic = place.topic;
      lane = place.lane;
      used = true;
    }
  };
  static_assert(sizeof(Entry) == 16);  // a thousand of them stay in the nearest cache
  using Page = std::array<Entry, kPageSize>;

  Entry& entry(uint16_t locate) {
    std::unique_ptr<Page>& page = pages_[locate / kPageSize];
    if (!page) [[unlikely]] {
      page = std::make_unique<Page>();
    }
    return (*page)[locate % kPageSize];
  }
  void open(Entry& entry, uint16_t locate);
  void name(Entry& entry, uint16_t locate, uint64_t symbol);

  std::string_view feed_;
  TopicBook* book_;
  std::array<std::unique_ptr<Page>, 65'536 / kPageSize> pages_;
};

// The tables of the sessions, at most kSessionsMax: the next takes the place of the oldest, whose locates are unnamed
// again should that session go on.
class LocateTables {
 public:
  static constexpr size_t kSessionsMax = 64;

  // `feed` and `book` must outlive this.
  LocateTables(std::string_view feed, TopicBook& book) : feed_(feed), book_(book) {}
  [[nodiscard]] LocateTable& of(const SessionId& session);

 private:
  struct Session {
    SessionId id;
    LocateTable table;
  };

  std::string_view feed_;
  TopicBook& book_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Session* last_ = nullptr;
  size_t oldest_ = 0;
};

}  // namespace tapedeck::feed
