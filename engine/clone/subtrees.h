// The subtrees that somebody subscribes to, and the last update in each: so that a client which sees only its subtree
// knows that it has missed nothing there. Their number is bounded; those above it are not known. For one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace tapedeck::clone {

class Subtrees {
 public:
  // `topic` may be any that a client subscribes to; `sequence` is that of the last update.
  void add(std::string_view topic, uint64_t sequence);
  void remove(std::string_view topic);

  // Notes an update. Gives the properties that tell, for each subtree with the key, of the update before it.
  [[nodiscard]] std::string note(std::string_view key, uint64_t sequence);
  // The properties that tell the last update of each subtree, the latest first, and above which sequence they are all.
  [[nodiscard]] std::string summary() const;

 private:
  using Last = std::map<std::string, uint64_t, std::less<>>;
  Last last_;
};

}  // namespace tapedeck::clone
