// What a generator has written, for its user.
#pragma once

#include <cstdint>

namespace tapedeck::synth {

struct Report {
  uint64_t messages = 0;
  uint64_t packets = 0;  // 0 in a tape
  uint64_t bytes = 0;    // of the output on disk
  uint32_t names = 0;    // symbols or topics
};

}  // namespace tapedeck::synth
