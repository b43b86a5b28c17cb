#include "tools/live/figures.h"

namespace tapedeck::tools {

Figures::Part total_of(const Figures& figures) {
  Figures::Part total{.name = "total"};
  for (const Figures::Part& part : figures.parts) {
    total.queued += part.queued;
    total.held_back_ns += part.held_back_ns;
    if (!part.in_total) continue;
    total.messages += part.messages;
    total.bytes += part.bytes;
  }
  return total;
}

}  // namespace tapedeck::tools
