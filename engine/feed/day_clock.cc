#include "engine/feed/day_clock.h"

namespace tapedeck::feed {

void DayClock::find_midnight(uint64_t since_midnight_ns, core::Nanos capture_time) {
  const auto exact = static_cast<int64_t>(capture_time.value - since_midnight_ns);
  int64_t quarters = exact / kQuarter;
  const int64_t rest = exact % kQuarter;
  if (rest >= kQuarter / 2) ++quarters;
  if (rest <= -kQuarter / 2) --quarters;
  midnight_ = static_cast<uint64_t>(quarters) * static_cast<uint64_t>(kQuarter);
  known_ = true;
}

}  // namespace tapedeck::feed
