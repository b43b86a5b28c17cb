// Clone messages from any origin: the frames are pieces of the input. What decodes encodes to what decodes to the same,
// and goes into a server's store and a client's replica, which must stay what they promise.
#include "engine/clone/replica.h"
#include "engine/clone/store.h"
#include "engine/clone/subtrees.h"
#include "tests/engine/clone/messages.h"
#include "tests/fuzz/fuzz_target.h"

namespace tapedeck::fuzz {
namespace {

using clone::Fault;
using clone::Message;

void round_trip(const Message& message) {
  const auto frames = clone::encode(message);
  std::array<Bytes, clone::kFrames> bytes;
  for (size_t i = 0; i < frames.size(); ++i) bytes[i] = core::as_bytes(frames[i]);
  Message again;
  TD_CHECK(clone::decode(bytes, again) == Fault::kNone);
  TD_CHECK(again.key == message.key && again.sequence == message.sequence && again.uuid == message.uuid &&
           again.properties == message.properties && again.value == message.value);
}

class Server {
 public:
  void take(const Message& message) {
    int64_t ttl_s = 0;
    if (clone::is_command(message.key) || clone::ttl_of(message.properties, ttl_s) != Fault::kNone) return;
    TD_CHECK(ttl_s >= 0 && ttl_s <= clone::kTtlMax_s);
    const uint64_t before = store_.sequence();
    const auto verdict = store_.apply(message, ttl_s, 0);
    TD_CHECK(store_.sequence() == before + (verdict == clone::Store::Verdict::kApplied ? 1 : 0));
    TD_CHECK(store_.table().size() <= kKeysMax);
    static_cast<void>(subtrees_.note(message.key, store_.sequence()));
    subtrees_.add(message.value, store_.sequence());
    const std::string summary = subtrees_.summary();
    round_trip({.key = clone::kHeartbeat, .properties = summary});
  }

 private:
  static constexpr size_t kKeysMax = 8;
  clone::Store store_{{.keys_max = kKeysMax, .value_bytes_max = 100}};
  clone::Subtrees subtrees_;
};

class Follower {
 public:
  explicit Follower(std::string subtree) : replica_(std::move(subtree)) {}
  void take(const Message& message) {
    if (message.key == clone::kEnd) return replica_.finish(message);
    if (!replica_.synced()) replica_.add(message);
    const uint64_t before = replica_.sequence();
    const auto step = replica_.on_published(message);
    if (step == clone::Replica::Step::kApplied) TD_CHECK(replica_.sequence() > before);
    if (step == clone::Replica::Step::kHole) replica_.expect_snapshot();
    if (step == clone::Replica::Step::kOtherServer) replica_.forget_server();
    clone::Table::Cursor cursor = replica_.table().at({});
    while (const clone::Entry* entry = cursor.next()) TD_CHECK(entry->key.starts_with(replica_.subtree()));
  }

 private:
  clone::Replica replica_;
};

}  // namespace

// Up to seven frames a message, as its first byte says.
void run_one(Bytes bytes) {
  Input input(bytes);
  Server server;
  Follower all("");
  Follower some("/a/");
  while (!input.empty()) {
    std::vector<ByteVector> frames(input.byte() % 8);
    std::vector<Bytes> views;
    for (ByteVector& frame : frames) views.emplace_back(frame = copy_of(input.piece()));
    static_cast<void>(clone::decode_request(views));
    Message message;
    if (clone::decode(views, message) != Fault::kNone) continue;
    round_trip(message);
    server.take(message);
    all.take(message);
    some.take(message);
  }
}

}  // namespace tapedeck::fuzz
