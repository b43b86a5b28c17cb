// Messages of the wire from any origin: announcement, dictionary, end of tape (by their prefixes), and those of the
// session channel. The input is the message. What decodes encodes to what decodes to the same.
#include "engine/transport/in_band.h"
#include "engine/transport/session.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

// Twice, for the first encoding may write differently what means the same.
template <class Decode>
void round_trip(Bytes bytes, Decode&& decode) {
  const auto message = decode(bytes);
  if (!message) {
    TD_CHECK(!message.error().message.empty());
    return;
  }
  const auto encoded = encode(*message);
  const auto again = decode(std::as_bytes(std::span(encoded)));
  TD_CHECK(again.has_value() && encode(*again) == encoded);
}

}  // namespace

void run_one(Bytes bytes) {
  const ByteVector message = copy_of(bytes);
  round_trip(message, transport::decode_announcement);
  round_trip(message, transport::decode_dictionary);
  round_trip(message, transport::decode_end);
  round_trip(message, transport::decode_session_message);
}

}  // namespace tapedeck::fuzz
