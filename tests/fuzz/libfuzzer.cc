// Where libFuzzer comes in.
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapedeck::fuzz::run_one({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
