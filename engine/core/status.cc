#include "engine/core/status.h"

#include <cstdio>
#include <cstdlib>

namespace tapedeck::core {

void check_failed(const char* condition, const char* file, int line) {
  fmt::print(stderr, "{}:{}: invariant broken: {}\n", file, line, condition);
  std::abort();
}

}  // namespace tapedeck::core
