// A manifest of any text. The first byte of the input tells whether its checksum, and with it its layout, is put right.
#include "engine/tape/manifest.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair.h"

namespace tapedeck::fuzz {

void run_one(Bytes bytes) {
  Input input(bytes);
  const bool repair = (input.byte() & 1) != 0;
  std::string text(core::as_text(input.rest()));
  if (repair) text = repair_manifest(text);
  const auto manifest = tape::decode_manifest(text);
  if (!manifest) {
    TD_CHECK(!manifest.error().message.empty());
    return;
  }
  const std::string encoded = tape::encode_manifest(*manifest);
  const auto again = tape::decode_manifest(encoded);
  TD_CHECK(again && again->id == manifest->id && again->lanes == manifest->lanes);
  TD_CHECK(again->sealed == manifest->sealed && again->sources.size() == manifest->sources.size());
  TD_CHECK(tape::encode_manifest(*again) == encoded);
}

}  // namespace tapedeck::fuzz
