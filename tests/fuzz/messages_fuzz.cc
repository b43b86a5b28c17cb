// Messages of the wire from any origin: announcement, dictionary, end of tape (by their prefixes), those of the
// session channel, and records of the plain wire. The input is the message. What decodes encodes to what decodes to the
// same.
#include "engine/transport/in_band.h"
#include "engine/transport/plain_message.h"
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

// Of the plain wire there is one way to write a message.
void round_trip_plain(Bytes bytes) {
  transport::PlainMessage message;
  if (!transport::read_plain(bytes, message)) return;
  ByteVector written(transport::plain_size(message));
  transport::write_plain(written.data(), message);
  TD_CHECK(std::ranges::equal(written, bytes));
}

}  // namespace

void run_one(Bytes bytes) {
  const ByteVector message = copy_of(bytes);
  round_trip(message, transport::decode_announcement);
  round_trip(message, transport::decode_dictionary);
  round_trip(message, transport::decode_end);
  round_trip(message, transport::decode_session_message);
  round_trip_plain(message);
}

}  // namespace tapedeck::fuzz
