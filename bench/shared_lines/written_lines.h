// Which cache lines the program's threads write, as its instrumented code tells: code that is compiled with
// -fsanitize=thread calls __tsan_write8 and its like at each access, and here those are ours (written_lines.cc), not
// ThreadSanitizer's. Libraries that are not instrumented are not seen, but for locks that our code takes and for what
// it has them copy. What the kernel writes is not seen either.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tapedeck::bench {

// A line that was written by one thread after another.
struct ContestedLine {
  uint64_t changes = 0;                // of its writer
  uint64_t writes = 0;                 // in all
  std::vector<std::string> threads{};  // names of those that took it over
  std::vector<uintptr_t> where{};      // code addresses of the writes that took it over, the first few
};

// Lines with more changes than `changes`, the worst first. Threads have names here once they have ended.
[[nodiscard]] std::vector<ContestedLine> contested_lines(uint64_t changes);

// All writes that were seen.
[[nodiscard]] uint64_t writes_seen();

}  // namespace tapedeck::bench
